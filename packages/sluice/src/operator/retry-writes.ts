/**
 * Retries dead letters: each becomes a new write, and its old outcome stays. A retry is refused if the document has
 * changed since, or if another write to it waits, unless forced.
 */
import { type Database, type Row, wakeupOfAll } from '#store';
import { v7 as uuidv7 } from 'uuid';
import type { RetryOptions, RetryReport, Target } from './action-contract.ts';
import { checkAction } from './check-action.ts';
import { describeTarget, pagesOf } from './targets.ts';

type Told = RetryReport['writes'][number];

const writesTold = 1000;

export async function retryWrites(
  database: Database,
  target: Target,
  options: RetryOptions,
): Promise<RetryReport> {
  checkAction(target, options, ['dryRun', 'force']);
  const { actor, force = false, dryRun = false } = options;
  const report: RetryReport = { matched: 0, retried: 0, notFound: 0, dryRun, refused: {}, writes: [] };
  const deadLetters: Target =
    'matching' in target ? { matching: { ...target.matching, reason: 'dead_letter' } } : target;
  const { target: about, ...what } = describeTarget(target);
  const detail = JSON.stringify({ ...what, force });
  for await (const writeIds of pagesOf(database, deadLetters)) {
    const rows = dryRun
      ? (await database.run('judgeRedrive', [writeIds])).map((row) => ({
          ...row,
          refusal: judgementOf(row, force),
        }))
      : await database.run('redriveWrites', [
          writeIds,
          writeIds.map(() => uuidv7()),
          force,
          actor,
          about,
          detail,
        ]);
    for (const row of rows) note(report, row);
  }
  if (report.retried > 0 && !dryRun) await database.run('hintWriters', wakeupOfAll).catch(() => undefined);
  return report;
}

function note(report: RetryReport, row: Row): void {
  const refusal = row['refusal'] as Told['refusal'];
  if (refusal === 'not_a_dead_letter') report.notFound += 1;
  else {
    report.matched += 1;
    if (refusal === null) report.retried += 1;
    else report.refused[refusal] = (report.refused[refusal] ?? 0) + 1;
  }
  if (report.writes.length === writesTold) return;
  report.writes.push({
    writeId: row['write_id'] as string,
    newWriteId: (row['new_id'] as string | null | undefined) ?? null,
    refusal,
  });
}

/** The answer that `redriveWrites` would give, with reasons in the same order. */
function judgementOf(row: Row, force: boolean): Told['refusal'] {
  if (row['is_dead_letter'] !== true) return 'not_a_dead_letter';
  if (force) return null;
  if (row['is_pending'] === true) return 'document_pending';
  return row['has_changed'] === true ? 'document_changed' : null;
}
