/**
 * The valid API keys, all read together, and again every few seconds while they are used. So no request asks the
 * database, whatever key it sends, and a revoked key is refused after the next read.
 */
import { timingSafeEqual } from 'node:crypto';
import { Scopes, SluiceError } from 'sluice/internal/protocol';
import { hashOf, prefixOf } from './api-key.ts';
import type { Principal } from './principal.ts';

/** A key that is neither revoked nor expired. */
export interface StoredKey {
  prefix: string;
  hash: Buffer;
  client: string;
  scopes: readonly string[];
  /** By the database's clock; null: no expiry. */
  secondsLeft: number | null;
}

export interface KeyRingOptions {
  readKeys: () => Promise<readonly StoredKey[]>;
  /** Greatest age of the list, and so the longest life of a revoked key, in milliseconds. @default 3000 */
  maxAgeMs?: number;
  /** Greatest age while the database cannot be read, in milliseconds. @default 60000 */
  staleAgeMs?: number;
  /** @default performance.now */
  now?: () => number;
}

interface HeldKey {
  hash: Buffer;
  principal: Principal;
  endsAt: number;
}

/** An unknown key starts a read, because it may be new, but not more often than this. */
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
    // Age counts from before the query, because a key may be revoked while the answer is on its way.
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
