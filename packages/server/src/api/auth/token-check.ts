/**
 * Tokens of an identity provider (JWT, RFC 9068): signed by one of its keys, for this service, not expired. A valid
 * token is cached by its hash, because checking a signature costs more than most requests.
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

/** Signatures whose check needs no secret. With a shared secret, every program that checks tokens could make them. */
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
  /** Required value of `iss`. */
  issuer: string;
  /** Required value of `aud`, or of one of its elements. */
  audience: string;
  /** The provider's public keys: an http(s) URL, or a file. Read again when they change. */
  jwks: string;
  /** @default RS256, PS256, ES256, EdDSA */
  algorithms?: readonly string[];
  /** Claim that names the client. @default 'client_id' */
  clientClaim?: string;
  /** Claim with the scopes, as one text with spaces or as a list. @default 'scope' */
  scopeClaim?: string;
  /** A claim that must name this data store, as a text or in a list. @default none: there is one store */
  store?: { claim: string; name: string };
  /** Largest difference between the clocks of provider and node. @default 30 */
  clockToleranceSeconds?: number;
  /** The clock of the node, in milliseconds since 1970. @default Date.now */
  now?: () => number;
}

/** Longest token; a longer one is refused unread. */
const tokenLengthMax = 8_192;
/** Longest time that a cached token of a withdrawn key stays valid. */
const rememberedMs = 60_000;
const rememberedMax = 10_000;
/** Greatest age of the provider's keys; an unknown key starts an earlier read. */
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
   * The client of this token; null: it is not valid.
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
      // These three errors concern the keys; all others, and an unknown key, concern the token.
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
    // Removes the oldest, because a map keeps the order of insertion.
    if (this.#good.size >= rememberedMax) this.#good.delete(this.#good.keys().next().value!);
    this.#good.set(hash, { principal, until: Math.min(exp * 1000, this.#now() + rememberedMs) });
  }
}

/** Keys in a file, read again when the file has changed. If it cannot be read, the last keys stay. */
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
