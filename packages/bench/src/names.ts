/** The names of workloads and contenders, and their combinations. */

/**
 * In `backlog`, no client waits: the intake is full when the writers start. `open-loop` and `edfi` measure
 * deployments over HTTP: the first with requests at a given rate, the second with real documents. `table` and
 * `counter` write rows of tables outside of Sluice.
 */
export const workloadNames = [
  'insert',
  'district',
  'hot',
  'upsert-mix',
  'large',
  'http',
  'backlog',
  'open-loop',
  'edfi',
  'table',
  'table-http',
  'table-open-loop',
  'counter',
] as const;
export type WorkloadName = (typeof workloadNames)[number];

/** Whether its writes go to tables outside of Sluice. */
export function isOfRows(workload: WorkloadName): boolean {
  return workload.startsWith('table') || workload === 'counter';
}

/** Whether its clients use API nodes of the benchmark. */
export function isHttp(workload: WorkloadName): boolean {
  return workload === 'http' || workload === 'table-http';
}

/**
 * `coordinated` takes the number of writer sessions from the options; `coordinated-1`, `-2` and `-4` name their own,
 * so that one run can compare them. In `coordinated-fast` the nodes have a fast path; during `coordinated-held` a
 * transaction of another session stays open.
 */
export const contenderNames = [
  'seed-direct',
  'one-statement',
  'batched',
  'direct',
  'local',
  'coordinated',
  'coordinated-1',
  'coordinated-2',
  'coordinated-4',
  'coordinated-held',
  'coordinated-fast',
  'ceiling',
  'http-per-request',
] as const;
export type ContenderName = (typeof contenderNames)[number] | PeerName;

/** Queues on PostgreSQL, from a workspace of their own: `peers` means all. */
export const peerNames = [
  'graphile-worker',
  'graphile-worker-tuned',
  'pg-boss',
  'pg-boss-tuned',
  'bullmq',
  'bullmq-tuned',
] as const;
export type PeerName = (typeof peerNames)[number];

export function isPeer(name: string): name is PeerName {
  return (peerNames as readonly string[]).includes(name);
}

/** Contenders that can be deployed as nodes over HTTP, with writers if they have any; in the order of a report. */
export const deployedContenders = ['direct', 'local', 'coordinated', 'seed-direct'] as const;
export type DeployedContender = (typeof deployedContenders)[number];

export function isDeployed(name: string): name is DeployedContender {
  return (deployedContenders as readonly string[]).includes(name);
}

export function isCoordinated(name: string): boolean {
  return name.startsWith('coordinated');
}

/** Whether its idle nodes commit small groups of writes themselves. */
export function hasFastPath(name: string): boolean {
  return name === 'coordinated-fast';
}

/** Whether an old transaction stays open all the time. */
export function isHeld(name: string): boolean {
  return name.endsWith('-held');
}

/** Why a contender does not take part in a workload; null: it does. */
export function absenceOf(contender: ContenderName, workload: WorkloadName): string | null {
  if (workload === 'backlog' && !isCoordinated(contender)) return 'has no intake in which writes could wait';
  if ((workload === 'open-loop' || workload === 'edfi') && !isDeployed(contender))
    return 'is not deployed over HTTP';
  const isInsertOnly = contender === 'one-statement' || contender === 'batched' || isPeer(contender);
  if (isHttp(workload) && (isInsertOnly || contender === 'ceiling')) return 'has no HTTP side';
  if (contender === 'http-per-request' && workload !== 'table-http')
    return 'is an HTTP server for the rows of table-http';
  if (isOfRows(workload)) return absenceOfRows(contender, workload);
  if (isInsertOnly && (workload === 'hot' || workload === 'upsert-mix')) return 'only inserts';
  if (contender === 'ceiling' && workload === 'district')
    return 'takes documents in batches, not in order of dependency';
  return null;
}

function absenceOfRows(contender: ContenderName, workload: WorkloadName): string | null {
  if (contender === 'seed-direct') return 'writes only documents';
  if (hasFastPath(contender)) return 'is a node, and a program that embeds a client has no fast path';
  if (workload === 'table-open-loop' && contender === 'ceiling') return 'makes its batches itself';
  const onlyInserts = contender === 'batched' || contender === 'ceiling' || isPeer(contender);
  return workload === 'counter' && onlyInserts ? 'only inserts' : null;
}
