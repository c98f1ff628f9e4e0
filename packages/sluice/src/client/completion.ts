/**
 * How a node learns of outcomes that other processes have settled: a hint says where to look, and a poll reads
 * without a hint. docs/completion.md explains why no answer is lost.
 */
import { outcomeOf } from '#batch';
import { unpackIds } from '#protocol';
import { channels, createListener, listenerNameOf, type Database, type Listener, type Row } from '#store';
import type { ClientObserver, FoundBy } from './observer.ts';
import { ownNode } from './new-write.ts';
import { traceCompletion } from './trace-write.ts';
import type { Waits } from './waits.ts';

interface CompletionOptions {
  waits: Waits;
  database: Database;
  listenUrl: string;
  notifications: boolean;
  pollIntervalMs: number;
  observer: ClientObserver | undefined;
  onError: (error: unknown, doing: string) => void;
}

/** Poll interval while hints are wanted and do not arrive. */
const deafIntervalMs = 50;
/** Limit for short reads: if one is not answered by then, its connection is lost. */
const shortReadTimeoutMs = 5000;

export class Completion {
  readonly #options: CompletionOptions;
  readonly #listener: Listener;
  readonly #hinted = new Set<string>();
  #reading: Promise<void> | null = null;
  #pollTimer: NodeJS.Timeout | null = null;
  #polling: Promise<void> | null = null;

  constructor(options: CompletionOptions) {
    this.#options = options;
    const { database, listenUrl: url, notifications } = options;
    const { schema } = database.options;
    const applicationName = listenerNameOf(database.options.applicationName);
    this.#listener = createListener({ url, schema, applicationName, notifications });
  }

  /** Hints arrive, as far as the node knows. */
  get isListening(): boolean {
    return this.#listener.isListening;
  }

  async start(): Promise<void> {
    await this.#listener.listen(channels.node(ownNode), (payload) => this.#hear(payload));
    this.#schedulePoll();
  }

  async stop(): Promise<void> {
    if (this.#pollTimer !== null) clearTimeout(this.#pollTimer);
    await this.#listener.close();
    await Promise.all([this.#reading, this.#polling]);
  }

  /** @param payload Ids of settled writes. Null: hints may be lost, so all writes are read. */
  #hear(payload: string | null): void {
    const { waits } = this.#options;
    // Writes of other nodes are ignored.
    for (const id of payload === null ? waits.ids() : unpackIds(payload)) {
      if (waits.has(id)) this.#hinted.add(id);
    }
    this.#reading ??= this.#readHinted().finally(() => (this.#reading = null));
    if (payload === null && this.#pollTimer !== null) this.#schedulePoll();
  }

  /** Reads the outcomes of hinted writes; hints that arrive during a read share the next one. */
  async #readHinted(): Promise<void> {
    const { waits, database, onError } = this.#options;
    while (this.#hinted.size > 0) {
      const ids = [...this.#hinted].filter((id) => waits.has(id));
      this.#hinted.clear();
      if (ids.length === 0) continue;
      const lookedAt = performance.now();
      try {
        const rows = await database.run('readOutcomes', [ids], shortReadTimeoutMs);
        for (const row of rows) this.#resolve(row, lookedAt, 'hint');
      } catch (error) {
        // The poll finds these writes.
        onError(error, 'read outcomes');
      }
    }
  }

  #schedulePoll(): void {
    const { pollIntervalMs } = this.#options;
    const delayMs = this.#listener.isDeaf ? Math.min(deafIntervalMs, pollIntervalMs) : pollIntervalMs;
    if (this.#pollTimer !== null) clearTimeout(this.#pollTimer);
    this.#pollTimer = setTimeout(() => {
      this.#polling ??= this.#poll().finally(() => (this.#polling = null));
      this.#schedulePoll();
    }, delayMs);
  }

  /**
   * Reads every write that has waited for some time. It is settled, in the intake, or in neither. In the last case, a
   * crash of the database lost it before its answer, and it is sent again under the same id.
   */
  async #poll(): Promise<void> {
    const { waits, database, onError } = this.#options;
    const due = waits.due(this.#lookIntervalMs);
    if (due.length === 0) return;
    const lookedAt = performance.now();
    try {
      const rows = await database.run('readWaiting', [due], shortReadTimeoutMs);
      const foundBy = this.#listener.isListening ? 'missed_hint' : 'poll';
      for (const row of rows) {
        if (row['result'] !== null) this.#resolve(row, lookedAt, foundBy);
        else if (row['is_pending'] === false) this.#sendAgain(row['write_id'] as string);
      }
    } catch (error) {
      onError(error, 'poll for outcomes');
    }
  }

  /** While hints arrive, a poll only finds what hints have missed. */
  get #lookIntervalMs(): number {
    const { pollIntervalMs } = this.#options;
    if (this.#listener.isDeaf) return Math.min(deafIntervalMs, pollIntervalMs);
    return pollIntervalMs * (this.#listener.isListening ? 4 : 1);
  }

  #resolve(row: Row, lookedAt: number, foundBy: FoundBy): void {
    const { waits, observer } = this.#options;
    const outcome = outcomeOf(row);
    if (!waits.has(outcome.writeId)) return;
    observer?.completed(row['settled_seconds'] as number | null, foundBy);
    const submitter = waits.submitterOf(outcome.writeId);
    if (submitter !== null) traceCompletion(submitter.write, lookedAt, foundBy);
    waits.resolve(outcome);
  }

  #sendAgain(writeId: string): void {
    const submitter = this.#options.waits.submitterOf(writeId);
    // A write whose wait ends is being cancelled.
    if (submitter === null || !submitter.isInserted || submitter.isEnding) return;
    submitter.isInserted = false;
    submitter.route?.send(submitter);
  }
}
