/**
 * Tokens of an identity provider (JWT, RFC 9068): signed by one of its keys, for us, not expired. A token that was found
 * good is remembered for a while by its hash, as checking a signature costs more than most requests.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { isClientName, Scopes, SluiceError } from 'sluice/internal/protocol';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';
import type { Principal } from './principal.ts';

/** Signatures whose check needs no secret. With a shared secret, every program that checks tokens can make them. */
export const tokenAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

export interface TokenCheckOptions {
  /** What `iss` must be. */
  issuer: string;
  /** What `aud` must be, or hold. */
  audience: string;
  /** The provider's public keys: an http(s) URL, or a file. Read anew as they change. */
  jwks: string;
  /** @default RS256, PS256, ES256, EdDSA */
  algorithms?: readonly string[];
  /** Claim that names the client. @default 'client_id' */
  clientClaim?: string;
  /** Claim that holds the scopes, as one text with spaces or as a list. @default 'scope' */
  scopeClaim?: string;
  /** A claim that has to name this data store, as its text or in its list. @default there is one store */
  store?: { claim: string; name: string };
  /** How far the provider's clock may be from ours. @default 30 */
  clockToleranceSeconds?: number;
  /** Our clock, in milliseconds since 1970. @default Date.now */
  now?: () => number;
}

/** A longer token is refused unread. */
const tokenLengthMax = 8_192;
/** A key that the provider has withdrawn is trusted so long at most, for tokens seen before. */
const rememberedMs = 60_000;
const rememberedMax = 10_000;
/** How old the provider's keys may be; a key that is not among them is looked for earlier. */
const keysMaxAgeMs = 300_000;
const keysCooldownMs = 5_000;

export class TokenCheck {
  readonly #options: TokenCheckOptions;
  readonly #getKey: JWTVerifyGetKey;
  readonly #now: () => number;
  readonly #good = new Map<string, { principal: Principal; until: number }>();

  constructor(options: TokenCheckOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => Date.now());
    this.#getKey = /^https?:/.test(options.jwks)
      ? createRemoteJWKSet(new URL(options.jwks), {
          cacheMaxAge: keysMaxAgeMs,
          cooldownDuration: keysCooldownMs,
          timeoutDuration: 5_000,
        })
      : keysOfFile(options.jwks);
  }

  /**
   * Whose token this is; null: it is not good.
   * @throws {SluiceError} `authentication_unavailable` if the provider's keys cannot be read
   */
  async find(token: string): Promise<Principal | null> {
    if (token.length > tokenLengthMax) return null;
    const hash = createHash('sha256').update(token).digest('base64');
    const known = this.#good.get(hash);
    const now = this.#now();
    if (known !== undefined && known.until > now) return known.principal;
    this.#good.delete(hash);
    const payload = await this.#verify(token);
    const principal = payload === null ? null : this.#principalOf(payload);
    if (principal !== null) this.#remember(hash, principal, payload!);
    return principal;
  }

  async #verify(token: string): Promise<JWTPayload | null> {
    const { issuer, audience, algorithms, clockToleranceSeconds } = this.#options;
    try {
      const { payload } = await jwtVerify(token, this.#getKey, {
        issuer,
        audience,
        algorithms: [...(algorithms ?? ['RS256', 'PS256', 'ES256', 'EdDSA'])],
        currentDate: new Date(this.#now()),
        clockTolerance: clockToleranceSeconds ?? 30,
        requiredClaims: ['exp'],
      });
      return payload;
    } catch (cause) {
      // Of these three it is the keys' fault; of all others, and of a key that is not there, the token's.
      const isOurs =
        !(cause instanceof errors.JOSEError) ||
        cause instanceof errors.JWKSTimeout ||
        cause instanceof errors.JWKSInvalid ||
        cause.code === 'ERR_JOSE_GENERIC';
      if (!isOurs) return null;
      throw new SluiceError('authentication_unavailable', undefined, { cause, retryAfterSeconds: 1 });
    }
  }

  #principalOf(payload: JWTPayload): Principal | null {
    const { clientClaim = 'client_id', scopeClaim = 'scope', store } = this.#options;
    if (store !== undefined && ![payload[store.claim]].flat().includes(store.name)) return null;
    const client = payload[clientClaim];
    if (!isClientName(client)) return null;
    const scope = payload[scopeClaim] ?? '';
    const words =
      typeof scope === 'string' ? scope.split(' ') : Array.isArray(scope) ? scope.map(String) : [];
    return { client, scopes: new Scopes(words) };
  }

  #remember(hash: string, principal: Principal, { exp = 0 }: JWTPayload): void {
    // The oldest goes: a map keeps the order in which its keys came.
    if (this.#good.size >= rememberedMax) this.#good.delete(this.#good.keys().next().value!);
    this.#good.set(hash, { principal, until: Math.min(exp * 1000, this.#now() + rememberedMs) });
  }
}

/** Keys in a file, read again when the file has changed. What cannot be read now leaves those read before. */
function keysOfFile(path: string): JWTVerifyGetKey {
  let keys: ReturnType<typeof createLocalJWKSet> | null = null;
  let readAs = '';
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async (header, token) => {
    if (keys === null || performance.now() - lookedAt > keysCooldownMs) {
      lookedAt = performance.now();
      try {
        const { mtimeMs, size } = await stat(path);
        const readNow = `${mtimeMs} ${size}`;
        if (keys === null || readAs !== readNow) {
          keys = createLocalJWKSet(JSON.parse(await readFile(path, 'utf8')) as JSONWebKeySet);
          readAs = readNow;
        }
      } catch (error) {
        if (keys === null) throw error;
      }
    }
    return keys(header, token);
  };
}
