import { listLanes, lanesText, pauseLanes, resumeLanes } from 'sluice/operator';
import { laneMax, SluiceError } from 'sluice/internal/protocol';
import type { Database } from 'sluice/internal/store';
import { databaseSettings } from '../config/database-settings.ts';
import type { DatabaseValues } from '../config/database-url.ts';
import { withDatabase } from '../operate/with-database.ts';
import { actor } from '../process/actor.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';

export const pauseCommand = () =>
  createCommand({
    name: 'pause',
    summary: 'stop lanes until they are resumed',
    description:
      'Pauses lanes: the writer finishes the batch under way, then settles nothing in them until they are resumed. Their writes stay ' +
      'ready, nodes accept new ones, and clients wait for their outcomes as usual. Nodes in direct or local mode have no ' +
      'lanes and continue.',
    settings: databaseSettings,
    extend: (command) => command.argument('<lanes...>', 'numbers or ranges: 3 8-11; or all'),
    run: (values, flags, texts) =>
      act(values, flags, texts, pauseLanes, ['paused', 'Paused', 'were already paused']),
  });

export const resumeCommand = () =>
  createCommand({
    name: 'resume',
    summary: 'resume paused lanes',
    description: 'Resumes paused lanes, and wakes the writers.',
    settings: databaseSettings,
    extend: (command) => command.argument('<lanes...>', 'numbers or ranges: 3 8-11; or all'),
    run: (values, flags, texts) =>
      act(values, flags, texts, resumeLanes, ['resumed', 'Resumed', 'were not paused']),
  });

async function act(
  values: DatabaseValues,
  flags: Readonly<Record<string, unknown>>,
  texts: readonly string[],
  action: typeof pauseLanes,
  [key, done, undone]: readonly [string, string, string],
): Promise<void> {
  const { changed, unchanged } = await withDatabase(values, async (database) => {
    const lanes = await lanesOf(database, texts);
    const changed = await action(database, lanes, actor());
    return { changed, unchanged: lanes.filter((lane) => !changed.includes(lane)) };
  });
  if (flags['json'] === true) return printJson({ [key]: changed, unchanged });
  if (changed.length > 0) printLine(`${done} ${lanesText(changed)}`);
  if (unchanged.length > 0) printLine(`${lanesText(unchanged)} ${undone}`);
}

/** @throws {SluiceError} `configuration_invalid` for a text that names no lanes */
async function lanesOf(database: Database, texts: readonly string[]): Promise<number[]> {
  if (texts.length === 1 && texts[0] === 'all') return (await listLanes(database)).map(({ lane }) => lane);
  const lanes = texts.flatMap((text) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
    if (first === undefined)
      throw unusable(
        text === 'all'
          ? 'give all without other lanes'
          : `this is neither a number, nor a range, nor all: ${text}`,
      );
    const [from, to] = [Number(first), Number(last)];
    if (from > to) throw unusable(`this range ends before its start: ${text}`);
    if (to > laneMax) throw unusable(`this deployment has no lane of this number: ${last}`);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
  return [...new Set(lanes)].sort((a, b) => a - b);
}

function unusable(reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot use the lanes: ${reason}`);
}
