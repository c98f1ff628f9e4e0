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

export class BlockedQuota {
  readonly #options: BlockedQuotaOptions;
  readonly #counts = new Map<string, { isFull: Promise<boolean>; until: number }>();

  constructor(options: BlockedQuotaOptions) {
    this.#options = options;
  }

  /** @throws {SluiceError} `rate_limited` if the client already has as many blocked writes as allowed */
  async check(client: string): Promise<void> {
    const now = performance.now();
    let counted = this.#counts.get(client);
    if (counted === undefined || counted.until < now) {
      counted = { isFull: this.#isFull(client), until: now + countedForMs };
      counted.isFull.catch(() => this.#counts.delete(client));
      if (this.#counts.size > 1000) this.#counts.clear();
      this.#counts.set(client, counted);
    }
    if (!(await counted.isFull)) return;
    throw new SluiceError('rate_limited', 'Too many writes of this client already wait for references.', {
      retryAfterSeconds: 5,
    });
  }

  async #isFull(client: string): Promise<boolean> {
    const { blockedWritesMax, run } = this.#options;
    const [row] = await run('countBlocked', [client, blockedWritesMax]);
    return (row?.['blocked'] as number) >= blockedWritesMax;
  }
}
