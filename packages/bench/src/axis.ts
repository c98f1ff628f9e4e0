/** The axis of a run: the one condition that takes several values, while all others stay as they are. */
import { SluiceError } from 'sluice/internal/protocol';
import type { WorkloadName } from './names.ts';

/** What one measurement is made under. */
export interface Conditions {
  clients: number;
  /** Documents stored before it. */
  prefill: number;
  lanes: number;
  /** Writer processes of `coordinated`. */
  writers: number;
  /** Processes that the clients are divided over; over HTTP, API nodes. */
  nodes: number;
  batchWritesMax: number;
  /** Connections that all processes of a contender share, where each write has one of its own. */
  poolMax: number;
  /** Writes waiting when the writers start: `backlog` only. */
  backlog: number;
  /** Writes that arrive in a second: `table-open-loop` only. */
  rate: number;
  /** Of 100 rows, so many have the key of a stored one: `table` and its forms. */
  duplicates: number;
}

export type AxisName = keyof Conditions;
export type ConditionLists = { [K in AxisName]: readonly number[] };

export interface Axis {
  name: AxisName;
  /** In the order in which they are measured. */
  points: { value: number; conditions: Conditions }[];
}

/** As a page and a terminal call them, after a number. */
export const axisUnits: Readonly<Record<AxisName, string>> = {
  clients: 'waiting clients',
  prefill: 'stored documents',
  lanes: 'lanes',
  writers: 'writer processes',
  nodes: 'processes of clients',
  batchWritesMax: 'writes in a batch at most',
  poolMax: 'connections in the pool',
  backlog: 'writes waiting at the start',
  rate: 'writes that arrive in a second',
  duplicates: '% of the rows with the key of a stored one',
};

const flags: Readonly<Record<AxisName, string>> = {
  clients: '--clients',
  prefill: '--prefill',
  lanes: '--lanes',
  writers: '--writers',
  nodes: '--nodes',
  batchWritesMax: '--batch-writes-max',
  poolMax: '--pool-max',
  backlog: '--backlog',
  rate: '--rate',
  duplicates: '--duplicates',
};

const axisNames = Object.keys(flags) as AxisName[];

/** Where it is not the clients: then there are no clients that wait for their answers. */
const usualAxes: Partial<Record<WorkloadName, AxisName>> = { backlog: 'backlog', 'table-open-loop': 'rate' };

/** @throws {SluiceError} `configuration_invalid` if there is more than one, or one that the workload knows nothing of */
export function axisOf(lists: ConditionLists, workload: WorkloadName): Axis {
  const usual = usualAxes[workload] ?? 'clients';
  const several = axisNames.filter((name) => new Set(lists[name]).size > 1);
  const [name = usual, second] = several;
  if (second !== undefined) {
    throw new SluiceError(
      'configuration_invalid',
      `Cannot measure along more than one axis at once: only one may have several values: ${several.map((each) => flags[each]).join(', ')}`,
    );
  }
  if ((['clients', 'backlog', 'rate'] as AxisName[]).includes(name) && name !== usual) {
    throw new SluiceError(
      'configuration_invalid',
      `Cannot measure along ${flags[name]}: the workload has none: ${workload}`,
    );
  }
  const fixed = Object.fromEntries(axisNames.map((each) => [each, lists[each][0] ?? 0]));
  return {
    name,
    points: [...new Set(lists[name])].map((value) => ({
      value,
      conditions: { ...(fixed as unknown as Conditions), [name]: value },
    })),
  };
}
