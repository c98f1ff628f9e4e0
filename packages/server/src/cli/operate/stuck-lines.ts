/** Waiting writes and dead letters, for people: a table of many, or all details of one. */
import {
  explainAwaited,
  explainLane,
  explainWrite,
  type ChainLink,
  type ShownWrite,
  type StuckList,
} from 'sluice/operator';
import { ageText, tableLines } from './text.ts';

/** @param patienceSeconds How long a write may wait before it is listed; null: the caller chose the filters. */
export function stuckLines({ writes, next }: StuckList, patienceSeconds: number | null): string[] {
  if (writes.length === 0) {
    return patienceSeconds === null
      ? ['No write and no dead letter matches']
      : [
          `No write has waited for ${patienceSeconds} seconds, and there are no dead letters. --older-than 0s shows all waiting writes`,
        ];
  }
  const rows = writes.map((write) => [
    write.writeId,
    ageText(write.ageSeconds),
    String(write.lane),
    write.resource,
    write.client === '' ? '-' : write.client,
    write.reason,
    explainWrite(write),
  ]);
  return [
    ...tableLines(['WRITE', 'AGE', 'LANE', 'RESOURCE', 'CLIENT', 'REASON', 'WHY: IT'], rows),
    ...(next === null ? [] : [`There are more: --after ${next}`]),
  ];
}

export function showLines({ writeId, row, stuck, chain, lane, outcome }: ShownWrite): string[] {
  const lines = [`write ${writeId}`];
  if (stuck !== null) {
    const { operation, resource, client, acceptedAt, ageSeconds, referenceDeadline } = stuck;
    lines.push(
      `  ${operation} of ${resource}${rowText(row)}${client === '' ? '' : ` by ${client}`}, accepted ${ageText(ageSeconds)} ago (${acceptedAt})`,
      `  ${stuck.reason}: it ${explainWrite(stuck)}`,
    );
    if (referenceDeadline !== null) lines.push(`  it may wait until ${referenceDeadline}`);
  }
  if (chain.length > 0) lines.push('', 'waits for', ...chain.map(chainLine));
  if (outcome !== null) {
    const { result, code, resource, settledAt } = outcome;
    const what = stuck === null ? ` ${resource}${rowText(row)}` : '';
    lines.push(`  ${result}${code === null ? '' : ` (${code})`}${what}, settled ${settledAt}`);
  }
  if (lane !== null) lines.push('', `lane ${lane.lane} ${explainLane(lane)}`);
  const advice = adviceOn(writeId, row, stuck?.reason);
  return advice === null ? lines : [...lines, '', advice];
}

/** ` (id=7), the first of 3 rows` */
function rowText(row: ShownWrite['row']): string {
  if (row === null) return '';
  const key = Object.entries(row.key ?? {}).map(([name, value]) => `${name}=${String(value)}`);
  const more = row.rows !== null && row.rows > 1 ? `, the first of ${row.rows} rows` : '';
  return `${key.length === 0 ? '' : ` (${key.join(', ')})`}${more}`;
}

function chainLine(link: ChainLink): string {
  return `${'  '.repeat(link.depth)}${explainAwaited(link)}`;
}

/** What an operator can do about the write. */
function adviceOn(writeId: string, row: ShownWrite['row'], reason: string | undefined): string | null {
  if (reason === 'dead_letter')
    return `When its cause is gone: sluice retry ${writeId}; or: sluice discard ${writeId}`;
  if (reason === 'blocked')
    return `Submit the missing ${row === null ? 'document' : 'row'}, or: sluice discard ${writeId}`;
  if (reason === 'locked')
    return `It continues when that transaction ends: select pg_terminate_backend(PROCESS); or: sluice discard ${writeId}`;
  if (reason === 'lane_paused') return 'To continue: sluice resume LANE';
  if (reason === 'lane_without_leader')
    return 'Start a writer, or find out why the running ones lead nothing: sluice doctor';
  return null;
}
