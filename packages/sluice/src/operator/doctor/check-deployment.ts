/** Checks that the processes of the deployment agree, and that each lane has a leader. */
import type { Database } from '#store';
import { lanesText, lockedLanes } from '../read-status.ts';
import type { LaneStatus } from '../contract.ts';
import { listLanes } from '../list-lanes.ts';
import { listProjections } from '../list-projections.ts';
import { listWriters } from '../list-writers.ts';
import { checkStrangers } from './check-strangers.ts';
import { checkTargets } from './check-targets.ts';
import { attempt, ill, well, type Finding } from './finding.ts';

export interface Expected {
  /** Number of lanes in the settings of the processes. */
  lanes?: number;
  /** Hash of the model in the settings of the processes. */
  modelHash?: string;
  /** Role of the writers, whose rights to targets are checked. @default `sluice_writer`, by the name of the schema */
  writerRole?: string;
}

const oldestNode = [20, 19] as const;

export async function checkDeployment(database: Database, expected: Expected): Promise<Finding[]> {
  return [
    ...(await attempt('lanes', () => checkAgreement(database, expected))),
    ...(await attempt('projections', () => checkProjections(database))),
    ...(await attempt('targets', () => checkTargets(database, expected.writerRole))),
    ...(await attempt('leaders', () => checkLeaders(database))),
    ...(await attempt('strangers', () => checkStrangers(database))),
    ...(await attempt('versions', () => checkVersions(database))),
  ];
}

async function checkAgreement(database: Database, expected: Expected): Promise<Finding[]> {
  const [agreed = {}] = await database.run('readAgreement');
  return [
    checkLaneCount(agreed, expected.lanes),
    checkModel(agreed['model_hash'] as string | null, expected.modelHash),
  ];
}

export function checkNode(version: string = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const says = `Node.js ${version}`;
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return well('node', says);
  return ill('node', 'fault', `${says} is too old`, `Use ${oldestNode.join('.')} or later`);
}

function checkLaneCount(agreed: Record<string, unknown>, wanted: number | undefined): Finding {
  const { lanes_agreed: text, lanes, last_lane: last } = agreed;
  const count = text === null ? null : Number(text);
  if (count === null && lanes === 0) return well('lanes', 'No process has started on this database yet');
  if (lanes !== count || last !== (count ?? 0) - 1) {
    return ill(
      'lanes',
      'fault',
      `The processes have agreed on ${count ?? 'no number of'} lanes, and there are ${String(lanes)}`,
      'Drain the intake, stop all writers and nodes, then make the rows of sluice.lane and the setting lanes equal',
    );
  }
  if (wanted !== undefined && wanted !== count) {
    return ill(
      'lanes',
      'fault',
      `This database has ${count} lanes, and --lanes says ${wanted}: such a process refuses to start`,
      `Start processes with --lanes ${count}`,
    );
  }
  return well('lanes', `All processes have ${count} lanes`);
}

function checkModel(agreed: string | null, wanted: string | undefined): Finding {
  if (agreed === null) return well('model', 'No process has started with a model yet');
  if (wanted === undefined || wanted === agreed) return well('model', `The model is ${agreed.slice(0, 12)}`);
  return ill(
    'model',
    'fault',
    `This database was loaded with the model ${agreed.slice(0, 12)}, and --model is ${wanted.slice(0, 12)}`,
    'Use the same model files everywhere, or another database',
  );
}

async function checkProjections(database: Database): Promise<Finding> {
  const all = await listProjections(database);
  const incomplete = all.filter(({ state }) => state !== 'complete').map(({ name }) => name);
  if (incomplete.length === 0) {
    const names = all.map(({ name, version }) => `${name}@${version}`).join(', ');
    return well('projections', all.length === 0 ? 'No projections are agreed on' : `Complete: ${names}`);
  }
  return ill(
    'projections',
    'warning',
    `Documents were there before their projection: ${incomplete.join(', ')}`,
    'sluice projections rebuild, for each',
  );
}

async function checkLeaders(database: Database): Promise<Finding[]> {
  const lanes = await listLanes(database);
  const unled = lanes.filter(({ isLed }) => !isLed);
  const waiting = unled.filter(({ ready, blocked }) => ready + blocked > 0);
  const paused = lanes.filter(({ pausedAt }) => pausedAt !== null);
  const retrying = lanes.filter(({ retry, quarantinedSince }) => retry !== null || quarantinedSince !== null);
  const names = (some: typeof lanes): string => lanesText(some.map(({ lane }) => lane));
  const leaders =
    unled.length === 0
      ? well('leaders', 'Every lane has a leader')
      : ill(
          'leaders',
          waiting.length > 0 ? 'fault' : 'warning',
          `${names(unled)} without a leader${waiting.length > 0 ? ', and writes wait there' : ''}`,
          lockedLanes(unled).size > 0
            ? 'End the sessions that hold their locks: see the check strangers'
            : 'Start writers. A deployment whose nodes all run in direct or local mode needs none',
        );
  return [
    leaders,
    paused.length === 0
      ? well('paused', 'No lane is paused')
      : ill(
          'paused',
          'warning',
          `${names(paused)} paused`,
          'Run sluice resume when the reason for the pause is gone',
        ),
    retrying.length === 0
      ? well('retries', 'No leader tries a batch again')
      : ill(
          'retries',
          'warning',
          `${names(retrying)}: the leader tries a batch again, after ${errorOf(retrying)}`,
          'See which sessions hold locks on documents, and the logs of the writers',
        ),
  ];
}

function errorOf(lanes: readonly LaneStatus[]): string {
  const code = lanes.find(({ retry }) => retry !== null)?.retry?.error;
  return code === undefined || code === null ? 'the crash of a leader' : `error ${code}`;
}

async function checkVersions(database: Database): Promise<Finding[]> {
  const living = (await listWriters(database)).filter(({ state }) => state !== 'gone' && state !== 'stopped');
  const versions = [...new Set(living.map(({ version }) => version))].sort();
  if (versions.length <= 1) return [well('versions', `${living.length} writers run, all of one version`)];
  return [
    ill(
      'versions',
      'warning',
      `Writers of several versions run: ${versions.join(', ')}`,
      'Finish the roll-out: sluice writers shows the old ones, sluice drain stops one',
    ),
  ];
}
