/**
 * The way through the intake, and what stands before it: a write whose lane is too far behind, or has no leader, is
 * refused before anything is inserted; or, where a deployment wants that, committed by this node without the intake.
 */
import { SluiceError, type Outcome, type Write } from '@sluice/protocol';
import { DatabaseError, type Database, type PoolUsage } from '@sluice/store';
import type { CoordinatedPath } from './coordinated-path.ts';
import { IntakeGauge } from './intake-gauge.ts';
import type { MemoryPath } from './memory-path.ts';
import type { LanesStatus, WritePath } from './write-path.ts';

/** A look that is not answered by then has met a connection that is lost. */
const gaugeTimeoutMs = 2000;

export interface GuardedPathOptions {
  path: CoordinatedPath;
  /** Null: what the intake does not take is refused. */
  bypass: MemoryPath | null;
  database: Database;
  highWaterWrites: number;
  highWaterMs: number;
  leaderGraceMs: number;
  onError: (error: unknown, doing: string) => void;
}

export class GuardedPath implements WritePath {
  readonly #options: GuardedPathOptions;
  readonly #gauge: IntakeGauge;

  constructor(options: GuardedPathOptions) {
    this.#options = options;
    const { highWaterWrites, highWaterMs, leaderGraceMs, database, onError } = options;
    this.#gauge = new IntakeGauge({
      highWaterWrites,
      highWaterMs,
      leaderGraceMs,
      async run(name, values) {
        try {
          return await database.run(name, values, gaugeTimeoutMs);
        } catch (error) {
          onError(error, name);
          throw error;
        }
      },
    });
  }

  async start(): Promise<void> {
    await Promise.all([this.#options.path.start(), this.#options.bypass?.start()]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#options.path.stop(), this.#options.bypass?.stop()]);
  }

  endWaits(): void {
    this.#options.path.endWaits();
    this.#options.bypass?.endWaits();
  }

  abandon(): void {
    this.#options.path.abandon();
    this.#options.bypass?.abandon();
  }

  async submit(write: Write, waitMs: number): Promise<Outcome> {
    const { path, bypass } = this.#options;
    try {
      await this.#gauge.check(write.lane);
    } catch (refusal) {
      if (bypass === null || (await this.#hasOneInTheWay(write))) throw refusal;
      return bypass.submit(write, waitMs);
    }
    return path.submit(write, waitMs);
  }

  async accept(write: Write, waitMs: number): Promise<void> {
    await this.#gauge.check(write.lane);
    return this.#options.path.accept(write, waitMs);
  }

  join(writeId: string, lane: number, waitMs: number): Promise<Outcome> {
    return this.#options.path.join(writeId, lane, waitMs);
  }

  async status(): Promise<LanesStatus> {
    await this.#gauge.look();
    const { lanesWithoutLeader, lanesOverloaded } = this.#gauge;
    return { lanesWithoutLeader, lanesOverloaded };
  }

  get waiting(): number {
    return this.#options.path.waiting + (this.#options.bypass?.waiting ?? 0);
  }

  get isListening(): boolean {
    return this.#options.path.isListening;
  }

  get trouble(): DatabaseError | null {
    return this.#options.path.trouble ?? this.#options.bypass?.trouble ?? null;
  }

  get pools(): Record<string, PoolUsage> {
    return { ...this.#options.path.pools, ...this.#options.bypass?.pools };
  }

  /** What was accepted before, for the same document, comes first: it waits in the intake, so this write cannot go round. */
  async #hasOneInTheWay({ referentialId, superclassId, operation, documentId }: Write): Promise<boolean> {
    const provided = superclassId === null ? [referentialId] : [referentialId, superclassId];
    const named = operation === 'upsert' ? [] : [documentId];
    try {
      return (await this.#options.database.run('readAhead', [provided, named, [], false])).length > 0;
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      this.#options.onError(error, 'readAhead');
      throw new SluiceError('database_unavailable', undefined, { retryAfterSeconds: 1, cause: error });
    }
  }
}
