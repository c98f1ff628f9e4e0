/** The axis of a run: the one condition that takes several values, while all others stay unchanged. */
import { SluiceError } from 'sluice/internal/protocol';
import type { WorkloadName } from './names.ts';

/** The conditions of one measurement. */
export interface Conditions {
  clients: number;
  /** Number of documents stored before it. */
  prefill: number;
  lanes: number;
  /** Writer processes of `coordinated`. */
  writers: number;
  /** Processes that share the clients; over HTTP, API nodes. */
  nodes: number;
  batchWritesMax: number;
  /** Connections that all processes of a contender share, if it needs one for each write. */
  poolMax: number;
  /** Waiting writes at the start of the writers; only in `backlog`. */
  backlog: number;
  /** Writes that arrive in a second; only in `table-open-loop`. */
  rate: number;
  /** Percentage of rows with the key of a stored one; only in `table` and its forms. */
  duplicates: number;
}

export type AxisName = keyof Conditions;
export type ConditionLists = { [K in AxisName]: readonly number[] };

export interface Axis {
  name: AxisName;
  /** In the order of measurement. */
  points: { value: number; conditions: Conditions }[];
}

/** Words after a number, for a page and a terminal. */
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

/** Workloads whose axis is not the clients, because no client waits for an answer. */
const usualAxes: Partial<Record<WorkloadName, AxisName>> = { backlog: 'backlog', 'table-open-loop': 'rate' };

/** @throws {SluiceError} `configuration_invalid` for several axes, or one that the workload does not have */
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
