/**
 * Discards writes. A waiting write is settled as not applied, under the term lock of its lane, and its client is
 * told. A dead letter is removed, and its outcome stays.
 */
import { headerOf, hintAwaitedOf, hintStatements, notApplied, settleUnapplied } from '#batch';
import type { WriteHeader } from '#protocol';
import { Session, type Database } from '#store';
import type { ActionOptions, DiscardReport, Target } from './action-contract.ts';
import { checkAction } from './check-action.ts';
import { findStuck } from './list-stuck.ts';
import { describeTarget, pagesOf, refuseEverything } from './targets.ts';

/** @throws {SluiceError} `invalid_request` for a malformed id, or a filter without conditions */
export async function discardWrites(
  database: Database,
  target: Target,
  options: ActionOptions,
): Promise<DiscardReport> {
  checkAction(target, options, ['dryRun']);
  refuseEverything(target);
  const { actor, dryRun = false } = options;
  const report: DiscardReport = {
    matched: 0,
    discarded: 0,
    removed: 0,
    settledElsewhere: 0,
    notFound: 0,
    dryRun,
  };
  const { target: about, ...what } = describeTarget(target);
  const detail = JSON.stringify(what);
  let session: Session | null = null;
  try {
    for await (const writeIds of pagesOf(database, target)) {
      const found = await findStuck(database, writeIds);
      const dead = found.filter(({ reason }) => reason === 'dead_letter').map(({ writeId }) => writeId);
      report.matched += found.length;
      report.notFound += writeIds.length - found.length;
      if (dryRun) {
        report.removed += dead.length;
        report.discarded += found.length - dead.length;
        continue;
      }
      if (dead.length > 0) {
        const gone = await database.run('discardDeadLetters', [dead, actor, about, detail]);
        report.removed += gone.length;
      }
      if (found.length === dead.length) continue;
      session ??= await Session.open({ ...database.options });
      const waiting = found.filter(({ reason }) => reason !== 'dead_letter').map(({ writeId }) => writeId);
      const writes = (await database.run('readWrites', [waiting, true])).map(headerOf);
      const discarded = await settleDiscarded(session, writes, [actor, about, detail]);
      report.discarded += discarded;
      report.settledElsewhere += waiting.length - discarded;
    }
  } finally {
    await session?.close();
  }
  return report;
}

/** Discards in one transaction; returns how many writes it settled. */
async function settleDiscarded(
  session: Session,
  writes: readonly WriteHeader[],
  [actor, about, detail]: readonly [string, string, string],
): Promise<number> {
  if (writes.length === 0) return 0;
  const unapplied = writes.map((write) => ({ write, outcome: notApplied(write, 'discarded') }));
  let settled: readonly WriteHeader[] = [];
  await settleUnapplied(session, unapplied, (ours) => {
    settled = ours;
    const ids = ours.map(({ writeId }) => writeId);
    return [{ name: 'recordAction', values: ['discard', actor, about, ids, detail] }];
  });
  const ours = new Set(settled);
  // Hints to the nodes, which answer, and to writers, which read the writes that awaited one of these.
  await session.flight([
    ...hintStatements(unapplied.filter(({ write }) => ours.has(write))),
    hintAwaitedOf(settled),
  ]);
  return settled.length;
}
