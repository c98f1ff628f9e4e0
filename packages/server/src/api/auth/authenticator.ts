/** Identifies the client by the `Authorization` header: an API key by its form, otherwise a token. */
import { SluiceError } from 'sluice/internal/protocol';
import { prefixOf } from './api-key.ts';
import { KeyRing, type KeyRingOptions } from './key-ring.ts';
import type { Principal } from './principal.ts';
import { TokenCheck, type TokenCheckOptions } from './token-check.ts';

export interface AuthenticatorOptions {
  /** Null: API keys are not accepted. */
  keys: KeyRingOptions | null;
  /** Null: tokens are not accepted. */
  tokens: TokenCheckOptions | null;
}

export class Authenticator {
  readonly #keys: KeyRing | null;
  readonly #tokens: TokenCheck | null;

  constructor({ keys, tokens }: AuthenticatorOptions) {
    this.#keys = keys && new KeyRing(keys);
    this.#tokens = tokens && new TokenCheck(tokens);
  }

  /** @throws {SluiceError} `unauthenticated`, `authentication_unavailable` */
  async identify(header: string | undefined): Promise<Principal> {
    if (header === undefined)
      throw new SluiceError('unauthenticated', 'The Authorization header is missing.');
    const token = /^Bearer +(\S+) *$/i.exec(header)?.[1];
    const isKey = token !== undefined && prefixOf(token) !== null;
    // The answer gives no reason, because a reason would help to forge a token.
    const principal =
      token === undefined ? null : await (isKey ? this.#keys?.find(token) : this.#tokens?.find(token));
    if (!principal) throw new SluiceError('unauthenticated', 'The bearer token is not valid.');
    return principal;
  }
}
