/**
 * Blocked writes that await only each other, in the lanes of any leader. None of them can wake alone: the leader that finds
 * the cycle settles it in one batch.
 */
import { isApplied } from '#protocol';
import { headerOf, refusal, settleUnapplied, togetherOrigin, waitsForLock, type BatchReport } from '#batch';
import { readBodies, type Session } from '#store';
import { findTogether } from './find-together.ts';
import { settleBlocked, type SettleBlockedOptions } from './settle-blocked.ts';

export interface CyclesOptions extends SettleBlockedOptions {
  /** A batch of so many lanes was settled, by the leader of `led`. */
  onSettled: (report: BatchReport, lanes: number, led: readonly number[]) => Promise<unknown>;
  /** A write was refused: these ids exist, and those came to nothing with a code. */
  onRefused: (
    met: readonly string[],
    gone: ReadonlyMap<string, string>,
    led: readonly number[],
  ) => Promise<unknown>;
}

export class Cycles {
  readonly #session: Session;
  readonly #options: CyclesOptions;
  /** Writes that may have closed a cycle by being blocked. */
  #closing = new Set<string>();

  constructor(session: Session, options: CyclesOptions) {
    this.#session = session;
    this.#options = options;
  }

  note(writeIds: Iterable<string>): void {
    for (const writeId of writeIds) this.#closing.add(writeId);
  }

  /** Settles a cycle, if there is one, as the leader of these lanes. Gives how many writes were settled. */
  async settle(led: readonly number[]): Promise<number> {
    if (this.#closing.size === 0) return 0;
    const closing = [...this.#closing];
    this.#closing = new Set();
    const { writeIds, lanes, inFront } = await findTogether(this.#session, closing);
    if (writeIds.length === 0 || lanes.some((lane) => this.#options.paused.has(lane))) return 0;
    const report = await settleBlocked(this.#session, togetherOrigin(lanes, writeIds), this.#options);
    if (report === null) {
      this.note(closing);
      return 0;
    }
    await this.#options.onSettled(report, lanes.length, led);
    if (report.outcomes.length > 0) return report.outcomes.length;
    // A write that waits for a lock may make the cycle whole yet.
    if (report.blocked.some(waitsForLock)) return 0;
    return (await this.#break(inFront, led)) ? 1 : 0;
  }

  /**
   * A cycle in which a write is behind another has no order in which all writes could be applied. Of the writes in front that
   * refer to a document which is not there, the one that came first is refused for that.
   */
  async #break(inFront: readonly string[], led: readonly number[]): Promise<boolean> {
    const unmet = new Map<string, Set<string>>(inFront.map((id) => [id, new Set()]));
    for (const edge of await this.#session.run('readEdges', [inFront])) {
      // What has come meanwhile is not missing.
      if (edge['is_met'] !== true) unmet.get(edge['write_id'] as string)?.add(edge['awaited_id'] as string);
    }
    const rows = await this.#session.run('readWrites', [inFront, true]);
    const first = rows
      .map(headerOf)
      // The write ahead of it is none of its references.
      .map((write) => ({
        write,
        missing: write.referenceIds.filter((id) => unmet.get(write.writeId)?.has(id)),
      }))
      .find(({ missing }) => missing.length > 0);
    if (first === undefined) return false;
    const { write, missing } = first;
    const { writeId, resource } = write;
    const bodies = readBodies((name, values) => this.#session.run(name, values), [writeId]);
    const { value } = await bodies.next();
    const [, body] = (value ?? [writeId, '{}']) as [string, string];
    const detail = this.#options.settle.describeMissing(resource, body, missing);
    const refused = { ...refusal(write, 'unresolved_reference'), detail };
    const [outcome = refused] = await settleUnapplied(this.#session, [{ write, outcome: refused }]);
    const ids = [write.referentialId, write.superclassId].flatMap((id) => (id === null ? [] : [id]));
    // It may have been settled otherwise in the meantime.
    const exists = isApplied(outcome.result);
    const gone = new Map(exists ? [] : ids.map((id) => [id, outcome.code ?? '']));
    await this.#options.onRefused(exists ? [writeId, ...ids] : [writeId], gone, led);
    return true;
  }
}
