/** Finds the write that already has a key: the same key and the same body are the same write. */
import { fingerprintOf, outcomeOf } from '#batch';
import { SluiceError, type Outcome, type Write } from '#protocol';
import type { Run } from './client-reads.ts';
import { GatheredReads } from './gathered-reads.ts';

export interface EarlierWrite {
  writeId: string;
  /** Null: the write is in the intake. */
  outcome: Outcome | null;
}

/** The intake did not take a write, because its idempotency key belongs to an earlier write. */
export class KeyTaken extends Error {}

/**
 * Whether an earlier write may have the idempotency key of one that was not taken: it has, or nobody has looked, because the intake takes
 * no writes now.
 */
export function mayHaveEarlier({ idempotencyKey }: Write, error: unknown): boolean {
  if (error instanceof KeyTaken) return true;
  return idempotencyKey !== null && error instanceof SluiceError && takesNone.has(error.code);
}

const takesNone: ReadonlySet<string> = new Set(['overloaded', 'lane_without_leader', 'storage_full']);

export class EarlierWrites {
  readonly #keys: GatheredReads<Write>;

  constructor(run: Run) {
    this.#keys = new GatheredReads((writes) =>
      run('findKeys', [
        writes.map(({ client }) => client),
        writes.map(({ idempotencyKey }) => idempotencyKey),
      ]),
    );
  }

  /**
   * The earlier write with the idempotency key of this one; null: there is none.
   * @throws {SluiceError} `idempotency_key_reused` if that has another body, `outcome_expired` if its outcome is
   *   deleted
   */
  async find(write: Write): Promise<EarlierWrite | null> {
    if (write.idempotencyKey === null) return null;
    const row = await this.#keys.find(write);
    if (row === undefined) return null;
    if (row['fingerprint'] !== fingerprintOf(write)) throw new SluiceError('idempotency_key_reused');
    const outcome = row['result'] === null ? null : outcomeOf(row);
    if (outcome === null && row['lane'] === null) throw new SluiceError('outcome_expired');
    return { writeId: row['write_id'] as string, outcome };
  }
}
