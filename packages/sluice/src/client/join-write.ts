/** Waits for a write that did not reach the intake by this client's own `submit`. */
import { SluiceError, type Outcome } from '#protocol';
import type { Database } from '#store';
import type { WriteState } from './contract.ts';
import { KeyTaken } from './earlier-writes.ts';
import type { Waits } from './waits.ts';

/**
 * @param read Reads the state of the write; null: it does not exist.
 * @throws {SluiceError} at the end of the wait: `write_not_found` if it does not exist, else `outcome_unknown`; `stopping` after the end of the client
 */
export async function joinWrite(
  { waits, database }: { waits: Waits; database: Database },
  writeId: string,
  { waitMs, signal }: { waitMs: number; signal?: AbortSignal | undefined },
  read: () => Promise<WriteState | null>,
): Promise<Outcome> {
  if (database.isClosed) throw new SluiceError('stopping');
  const answer = waits.join(writeId, waitMs, signal);
  answer.catch(() => undefined);
  // Its hint may have come before the wait began.
  const state = await read().catch(() => null);
  if (state?.outcome) waits.resolve(state.outcome);
  try {
    return await answer;
  } catch (error) {
    const isThere = (await read().catch(() => state)) !== null;
    if (!isThere) throw new SluiceError('write_not_found', undefined, { cause: error });
    if (!(error instanceof KeyTaken)) throw error;
    throw new SluiceError('outcome_unknown', undefined, { detail: { writeId }, cause: error });
  }
}
