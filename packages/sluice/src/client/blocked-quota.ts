/**
 * Limits the blocked writes of one client, because writes that wait for documents that never come would fill the
 * intake. The database counts them, at most once a second for each client.
 */
import { SluiceError } from '#protocol';
import type { Run } from './client-reads.ts';

interface BlockedQuotaOptions {
  blockedWritesMax: number;
  run: Run;
}

const countedForMs = 1000;

interface Count {
  /** Writes that come during the count share it. */
  isFull: Promise<boolean>;
  until: number;
}

export class BlockedQuota {
  readonly #options: BlockedQuotaOptions;
  readonly #counts = new Map<string, Count>();

  constructor(options: BlockedQuotaOptions) {
    this.#options = options;
  }

  /** @throws {SluiceError} `rate_limited` if the client already has as many blocked writes as allowed */
  async check(client: string): Promise<void> {
    let count = this.#counts.get(client);
    if (count === undefined || count.until < performance.now()) {
      count = this.#count(client);
      if (this.#counts.size > 1000) this.#counts.clear();
      this.#counts.set(client, count);
    }
    if (!(await count.isFull)) return;
    throw new SluiceError('rate_limited', 'Too many writes of this client already wait for references.', {
      retryAfterSeconds: 5,
    });
  }

  #count(client: string): Count {
    const { blockedWritesMax, run } = this.#options;
    const counting = run('countBlocked', [client, blockedWritesMax]);
    const isFull = counting.then(([row]) => (row?.['blocked'] as number) >= blockedWritesMax);
    const count: Count = { isFull, until: Infinity };
    // After a failure, the next write counts again.
    void isFull.then(
      () => (count.until = performance.now() + countedForMs),
      () => (count.until = 0),
    );
    return count;
  }
}
