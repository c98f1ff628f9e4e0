/**
 * `coordinated`: writes go through the intake, and writers settle them. If a lane is too far behind or has no leader,
 * its writes are refused before their insert. By option, the node commits such writes itself (the bypass), or small
 * groups of writes while it is idle (the fast path).
 */
import type { GatheringState, Outcome, Write } from '#protocol';
import {
  isTransactionPooled,
  query,
  readAbility,
  type Database,
  type DatabaseClock,
  type DatabaseError,
  type PoolUsage,
} from '#store';
import type { Logger } from 'pino';
import type { Run } from './client-reads.ts';
import type { ClientStatus, EnlistOptions, RunOnCaller } from './contract.ts';
import type { IntakeBuffer } from './intake-buffer.ts';
import type { IntakeGauge } from './intake-gauge.ts';
import { insertStatements } from './insert-statements.ts';
import type { NodeSettler } from './node-settler.ts';
import type { Waits } from './waits.ts';

/**
 * Longest time for a caller's transaction with a write in it. The transaction ends before its write reaches the age
 * at which a lane takes no more (`highWaterMs`).
 */
const transactionLimitMs = 20_000;

interface CoordinatedPathOptions {
  waits: Waits;
  database: Database;
  gauge: IntakeGauge;
  /** For writes whose outcome is awaited. */
  buffer: IntakeBuffer;
  /** For accepted writes: each insert is flushed. */
  durableBuffer: IntakeBuffer;
  clock: DatabaseClock;
  /** Whether the client wakes the writers by hints. */
  notifications: boolean;
  /** Null: an idle node uses the intake, too. */
  fastPath: NodeSettler | null;
  /** Null: writes that the intake does not take are refused. */
  bypass: NodeSettler | null;
  run: Run;
  logger: Logger | undefined;
}

export class CoordinatedPath {
  readonly #options: CoordinatedPathOptions;
  /** Null until the database has confirmed that the role of the node may use the fast path. */
  #fastPath: NodeSettler | null = null;

  constructor(options: CoordinatedPathOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { fastPath, bypass, logger } = this.#options;
    bypass?.start();
    if (fastPath === null) return;
    const reason = await this.#findObstacle();
    if (reason === null) this.#fastPath = fastPath;
    else logger?.warn({ reason }, 'fastPathWritesMax has no effect: all writes go through the intake');
  }

  /** The reason why there is no fast path although it is switched on. */
  async #findObstacle(): Promise<string | null> {
    const { database } = this.#options;
    // Through a pooler, a session has no settings by which the server would end the transaction of a frozen node.
    if (isTransactionPooled(database.options.url)) return 'a pooler in transaction mode';
    const { missing } = await readAbility((...query) => database.run(...query), ['settle', 'at_once']);
    return missing.length === 0 ? null : 'the role of the node may not commit writes';
  }

  async stop(): Promise<void> {
    const { buffer, durableBuffer, fastPath, bypass } = this.#options;
    await Promise.all([buffer.stop(), durableBuffer.stop(), fastPath?.stop(), bypass?.stop()]);
  }

  /** {@link accept} takes no more writes, because no caller waits for them. {@link submit} still does. */
  giveUp(): void {
    this.#options.durableBuffer.giveUp();
  }

  /**
   * The insert into the intake looks for the idempotency key, which spares a round trip. Where the insert may be late or may not come,
   * the caller looks first, because an earlier outcome is an answer at any time.
   */
  looksForKeyOf({ lane }: Write): boolean {
    const { buffer, gauge } = this.#options;
    return this.#fastPath === null && buffer.trouble.error === null && gauge.takes(lane);
  }

  async submit(write: Write, waitMs: number, signal?: AbortSignal): Promise<Outcome> {
    const { waits, gauge, buffer, bypass } = this.#options;
    try {
      await gauge.check(write.lane);
    } catch (refusal) {
      if (bypass === null || (await this.#wouldOvertake(write))) throw refusal;
      return bypass.submit(write, waitMs, signal);
    }
    // The waiter is registered before the insert, because the hint of the outcome may arrive before the insert is
    // confirmed.
    const waiter = waits.begin(write, waitMs, signal);
    const fastPath = this.#fastPath;
    if (fastPath?.isOpen === true && this.#isIdle(fastPath)) fastPath.send(waiter);
    // Next: writer/drain.ts, which finds the write by `readReady`. Then completion.ts finds the outcome.
    else buffer.send(waiter);
    return waiter.outcome;
  }

  /** Resolves when the write is durable in the intake; tries until the end of the wait. */
  async accept(write: Write, waitMs: number): Promise<void> {
    await this.#options.gauge.check(write.lane);
    return this.#options.durableBuffer.accept(write, waitMs);
  }

  /** Adds the write to the intake on the caller's connection; the hint is part of that transaction. */
  async enlist(
    write: Write,
    run: RunOnCaller,
    { transactionMs = transactionLimitMs }: EnlistOptions = {},
  ): Promise<void> {
    const { gauge, database, clock, notifications: withHint } = this.#options;
    await gauge.check(write.lane);
    const textOf = (name: string): string => query(name, database.options.schema).text;
    if (transactionMs > 0) await run(textOf('limitTransaction'), [transactionMs]);
    const now = clock.now();
    const options = { isDurable: false, withHint, isAgain: false, now, looksForKeys: false };
    for (const { name, values } of insertStatements([write], options))
      await run(textOf(name), [...(values ?? [])]);
  }

  /** Reads the present state of the lanes. */
  async status(): Promise<Pick<ClientStatus, 'lanesWithoutLeader' | 'lanesOverloaded'>> {
    const { gauge } = this.#options;
    await gauge.look();
    return { lanesWithoutLeader: gauge.lanesWithoutLeader, lanesOverloaded: gauge.lanesOverloaded };
  }

  get trouble(): DatabaseError | null {
    const { buffer, durableBuffer, bypass } = this.#options;
    return buffer.trouble.error ?? durableBuffer.trouble.error ?? bypass?.trouble ?? null;
  }

  get gathering(): GatheringState {
    return this.#options.buffer.gathering.state;
  }

  get pools(): Record<string, PoolUsage> {
    return { ...this.#fastPath?.pools, ...this.#options.bypass?.pools };
  }

  /** Whether no other write of this node is in the intake, except for blocked ones. */
  #isIdle(fastPath: NodeSettler): boolean {
    // The write that is checked is counted already.
    return this.#options.waits.writesOnTheirWay - 1 <= fastPath.writes;
  }

  /** An earlier write to the same document waits in the intake, so this write may not bypass it. */
  async #wouldOvertake({ referentialId, superclassId, operation, documentId }: Write): Promise<boolean> {
    const provided = superclassId === null ? [referentialId] : [referentialId, superclassId];
    const named = operation === 'upsert' ? [] : [documentId];
    return (await this.#options.run('readAhead', [provided, named, [], null])).length > 0;
  }
}
