/**
 * The API keys that hold, read all at once and anew every few seconds while they are used: no request asks the
 * database, whatever it claims to have as a key, and a revoked key is refused once the list is read again.
 */
import { timingSafeEqual } from 'node:crypto';
import { Scopes, SluiceError } from 'sluice/internal/protocol';
import { hashOf, prefixOf } from './api-key.ts';
import type { Principal } from './principal.ts';

/** A key that is not revoked and not past its end. */
export interface StoredKey {
  prefix: string;
  hash: Buffer;
  client: string;
  scopes: readonly string[];
  /** By the database's clock; null: it has no end. */
  secondsLeft: number | null;
}

export interface KeyRingOptions {
  readKeys: () => Promise<readonly StoredKey[]>;
  /** How old the list may be: a revoked key works so long at most. @default 3000 */
  maxAgeMs?: number;
  /** How old it may be while the database cannot be read: requests wait for it then as any others do. @default 60000 */
  staleAgeMs?: number;
  /** @default performance.now */
  now?: () => number;
}

interface HeldKey {
  hash: Buffer;
  principal: Principal;
  endsAt: number;
}

/** A key made a moment ago is looked for, but not more often than this. */
const missIntervalMs = 500;

export class KeyRing {
  readonly #options: KeyRingOptions;
  readonly #maxAgeMs: number;
  readonly #now: () => number;
  #keys: ReadonlyMap<string, HeldKey> = new Map();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;

  constructor(options: KeyRingOptions) {
    this.#options = options;
    this.#maxAgeMs = options.maxAgeMs ?? 3_000;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * The client of this key; null: no such key.
   * @throws {SluiceError} `authentication_unavailable` if the keys cannot be read
   */
  async find(text: string): Promise<Principal | null> {
    const prefix = prefixOf(text);
    if (prefix === null) return null;
    if (this.#age() > this.#maxAgeMs) await this.#refresh();
    let key = this.#keys.get(prefix);
    if (key === undefined && this.#age() > missIntervalMs) {
      await this.#refresh();
      key = this.#keys.get(prefix);
    }
    if (key === undefined || key.endsAt <= this.#now()) return null;
    return timingSafeEqual(key.hash, hashOf(text)) ? key.principal : null;
  }

  #age(): number {
    return this.#now() - this.#readAt;
  }

  async #refresh(): Promise<void> {
    try {
      await (this.#reading ??= this.#read().finally(() => (this.#reading = null)));
    } catch (cause) {
      if (this.#age() <= (this.#options.staleAgeMs ?? 60_000)) return;
      throw new SluiceError('authentication_unavailable', undefined, { cause, retryAfterSeconds: 1 });
    }
  }

  async #read(): Promise<void> {
    // As of before: what is revoked while the answer is on its way may be in it.
    const startedAt = this.#now();
    const keys = await this.#options.readKeys();
    this.#keys = new Map(
      keys.map(({ prefix, hash, client, scopes, secondsLeft }) => [
        prefix,
        {
          hash,
          principal: { client, scopes: new Scopes(scopes) },
          endsAt: secondsLeft === null ? Number.POSITIVE_INFINITY : startedAt + secondsLeft * 1000,
        },
      ]),
    );
    this.#readAt = startedAt;
  }
}
