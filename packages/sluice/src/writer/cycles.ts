/**
 * Blocked writes that await only each other, in the lanes of any leader. None of them can wake alone; the leader that
 * finds the cycle settles it in one batch.
 */
import { identityKeysOf, isApplied } from '#protocol';
import { headerOf, refusal, settleUnapplied, togetherOrigin, waitsForLock, type BatchReport } from '#batch';
import { readBodies, type Session } from '#store';
import { findTogether } from './find-together.ts';
import { settleBlocked, type SettleBlockedOptions } from './settle-blocked.ts';

interface CyclesOptions extends SettleBlockedOptions {
  /** The leader of `led` has settled a batch. */
  onSettled: (report: BatchReport, led: readonly number[]) => Promise<unknown>;
  /** A write was refused: these ids exist, and those had no effect, with a code. */
  onRefused: (
    met: readonly string[],
    gone: ReadonlyMap<string, string>,
    led: readonly number[],
  ) => Promise<unknown>;
}

export class Cycles {
  readonly #session: Session;
  readonly #options: CyclesOptions;
  /** Writes whose blocking may have closed a cycle. */
  #closing = new Set<string>();

  constructor(session: Session, options: CyclesOptions) {
    this.#session = session;
    this.#options = options;
  }

  note(writeIds: Iterable<string>): void {
    for (const writeId of writeIds) this.#closing.add(writeId);
  }

  /** Settles a cycle, if there is one, as the leader of these lanes. Returns how many writes were settled. */
  async settle(led: readonly number[]): Promise<number> {
    if (this.#closing.size === 0) return 0;
    const closing = [...this.#closing];
    this.#closing = new Set();
    const { writeIds, lanes, inFront } = await findTogether(this.#session, closing);
    if (writeIds.length === 0 || lanes.some((lane) => this.#options.paused.has(lane))) return 0;
    const origin = togetherOrigin(lanes, writeIds);
    const { report, isWhole } = await settleBlocked(this.#session, origin, this.#options);
    if (!isWhole) this.note(closing);
    if (report.outcomes.length + report.blocked.length > 0) await this.#options.onSettled(report, led);
    if (!isWhole || report.outcomes.length > 0) return report.outcomes.length;
    // A write that waits for a lock may still complete the cycle.
    if (report.blocked.some(waitsForLock)) return 0;
    return (await this.#break(inFront, led)) ? 1 : 0;
  }

  /**
   * In a cycle in which a write waits for an earlier one, no order lets all writes be applied. Of the earlier writes
   * with a reference to a missing document, the one that came first is refused for that reference.
   */
  async #break(inFront: readonly string[], led: readonly number[]): Promise<boolean> {
    const unmet = new Map<string, Set<string>>(inFront.map((id) => [id, new Set()]));
    for (const edge of await this.#session.run('readEdges', [inFront])) {
      // A document that has come meanwhile is not missing.
      if (edge['is_met'] !== true) unmet.get(edge['write_id'] as string)?.add(edge['awaited_id'] as string);
    }
    const rows = await this.#session.run('readWrites', [inFront, true]);
    const first = rows
      .map(headerOf)
      // The earlier write is not one of its references.
      .map((write) => ({
        write,
        missing: write.referenceIds.filter((id) => unmet.get(write.writeId)?.has(id)),
      }))
      .find(({ missing }) => missing.length > 0);
    if (first === undefined) return false;
    const { write, missing } = first;
    const { writeId, resource } = write;
    let body = '{}';
    for await (const [, read] of readBodies((...query) => this.#session.run(...query), [writeId]))
      body = read;
    const detail = this.#options.settle.describeMissing(resource, body, missing);
    const refused = { ...refusal(write, 'unresolved_reference'), detail };
    const [outcome = refused] = await settleUnapplied(this.#session, [{ write, outcome: refused }]);
    const ids = identityKeysOf(write);
    // The write may have been settled otherwise in the meantime.
    const exists = isApplied(outcome.result);
    const gone = new Map(exists ? [] : ids.map((id) => [id, outcome.code ?? '']));
    await this.#options.onRefused(exists ? [writeId, ...ids] : [writeId], gone, led);
    return true;
  }
}
