/** Limits of one client: concurrent requests, and requests and bulk lines a second. */
import { SluiceError } from 'sluice/internal/protocol';

export interface ClientQuotaOptions {
  /** Most concurrent requests of one client. */
  requestsMax: number;
  /** Requests and bulk lines of one client a second, which may all come together; 0: no limit. */
  ratePerSecond: number;
  /** @default performance.now */
  now?: () => number;
}

interface Use {
  underWay: number;
  /** Requests that may come without a wait, as of `at`. */
  tokens: number;
  at: number;
}

/** Above this number of clients, the state of idle ones is deleted. */
const remembered = 1_000;

export class ClientQuota {
  readonly #options: ClientQuotaOptions;
  readonly #now: () => number;
  readonly #uses = new Map<string, Use>();

  constructor(options: ClientQuotaOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** @throws {SluiceError} `rate_limited` if the client has reached its quota */
  enter(client: string): void {
    const { requestsMax, ratePerSecond } = this.#options;
    const use = this.#useOf(client);
    if (use.underWay >= requestsMax) {
      throw new SluiceError('rate_limited', `This client already has ${requestsMax} requests under way.`, {
        retryAfterSeconds: 1,
      });
    }
    const waitMs = this.take(client);
    if (waitMs > 0) {
      throw new SluiceError('rate_limited', `This client may send ${ratePerSecond} requests a second.`, {
        retryAfterSeconds: waitMs / 1000,
      });
    }
    use.underWay += 1;
  }

  leave(client: string): void {
    const use = this.#uses.get(client);
    if (use !== undefined) use.underWay -= 1;
    if (use?.underWay === 0 && this.#options.ratePerSecond === 0) this.#uses.delete(client);
  }

  /** Takes one request of the rate and returns 0, or returns the milliseconds until it may. */
  take(client: string): number {
    const { ratePerSecond } = this.#options;
    if (ratePerSecond === 0) return 0;
    const use = this.#useOf(client);
    const now = this.#now();
    use.tokens = Math.min(ratePerSecond, use.tokens + ((now - use.at) / 1000) * ratePerSecond);
    use.at = now;
    if (use.tokens < 1) return Math.ceil(((1 - use.tokens) / ratePerSecond) * 1000);
    use.tokens -= 1;
    return 0;
  }

  #useOf(client: string): Use {
    let use = this.#uses.get(client);
    if (use === undefined) {
      if (this.#uses.size >= remembered) this.#forget();
      use = { underWay: 0, tokens: this.#options.ratePerSecond, at: this.#now() };
      this.#uses.set(client, use);
    }
    return use;
  }

  #forget(): void {
    // After a second without a request, the whole rate is available again, as for a new client.
    const before = this.#now() - 1000;
    for (const [client, { underWay, at }] of this.#uses) {
      if (underWay === 0 && at <= before) this.#uses.delete(client);
    }
  }
}
