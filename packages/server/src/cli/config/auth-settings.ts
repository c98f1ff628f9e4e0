/** Authentication and authorization of a node: the settings, and their effects. */
import { SluiceError } from 'sluice/internal/protocol';
import { Database, DatabaseClock } from 'sluice/internal/store';
import type { Auth, TokenCheckOptions } from '#api';
import * as z from 'zod';
import type { DatabasePlace } from './database-url.ts';
import { setting, type Setting, type Values } from './setting.ts';
import { listOf, wholeNumber } from './setting-forms.ts';
import { openKeyStore } from '../keys/key-store.ts';

type Way = 'keys' | 'jwt';

const text = (
  flags: string,
  variable: string,
  description: string,
  more: Pick<Setting<string>, 'form' | 'schema' | 'path'> = {
    form: 'a text',
    schema: z.string().min(1).max(1000),
  },
) => setting<string | undefined>({ flags, variables: [variable], description, ...more });

const algorithms = 'RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA';

/** https, because nobody may replace a provider's keys on the way. */
const jwksForm =
  /^(?!https?:)[^\0]+$|^https:\/\/\S+$|^http:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?\/\S*$/;

export const authSettings = {
  auth: setting<'none' | Way[] | undefined>({
    flags: '--auth <ways>',
    variables: ['SLUICE_AUTH'],
    description:
      'how clients authenticate: keys, jwt, or keys,jwt; none allows every request; ' +
      'required for a host that accepts connections from other machines',
    defaultText: 'none, if the host is this machine',
    form: 'none, keys, jwt or keys,jwt',
    schema: z.union([z.literal('none'), listOf(z.enum(['keys', 'jwt'])).transform((ways) => ways as Way[])]),
  }),
  jwtIssuer: text('--jwt-issuer <text>', 'SLUICE_JWT_ISSUER', 'jwt: required iss of a token'),
  jwtAudience: text('--jwt-audience <text>', 'SLUICE_JWT_AUDIENCE', 'jwt: required aud of a token'),
  jwtJwks: text('--jwt-jwks <url|file>', 'SLUICE_JWT_JWKS', 'jwt: public keys of the issuer', {
    form: 'an https:// URL (http:// for this machine only) or the path of a file',
    path: 'always',
    schema: z.string().regex(jwksForm),
  }),
  jwtAlgorithms: setting<string[]>({
    cost: 'if a signature is easier to forge, an attacker can make tokens',
    description: 'jwt: accepted signature algorithms',
    form: `a list of ${algorithms}, separated by commas`,
    schema: listOf(z.enum(algorithms.split(', '))),
    fallback: ['RS256', 'PS256', 'ES256', 'EdDSA'],
  }),
  jwtClientClaim: setting<string>({
    cost: 'this claim identifies the client, to which idempotency keys and limits belong',
    description: 'jwt: claim with the name of the client',
    form: 'the name of a claim',
    schema: z.string().min(1),
    fallback: 'client_id',
  }),
  jwtScopeClaim: setting<string>({
    cost: 'a client that can set this claim decides what it may do',
    description: 'jwt: claim with the scopes',
    form: 'the name of a claim',
    schema: z.string().min(1),
    fallback: 'scope',
  }),
  jwtStoreClaim: setting<string>({
    cost: 'a client that can set this claim chooses its data store',
    description:
      'jwt, with --stores: claim with the data stores of the client, one or a list. The token is valid for these stores only, ' +
      'and a request whose path and host name no store goes to the store of its token',
    form: 'the name of a claim',
    schema: z.string().min(1),
    fallback: 'store',
  }),
  jwtClockToleranceSeconds: setting<number>({
    cost: 'a larger value accepts tokens longer after they expire',
    description: 'jwt: largest difference between the clocks of the issuer and the database, in seconds',
    form: 'a whole number from 0 to 300',
    schema: wholeNumber(0, 300),
    fallback: 30,
  }),
};

export interface OpenAuth {
  /** Undefined: no setting was given. */
  auth: Auth | undefined;
  close: () => Promise<void>;
}

/** @throws {SluiceError} `configuration_invalid` if the settings contradict each other */
export function assertAuth(values: Values<typeof authSettings>): void {
  tokenOptions(values, takesTokens(values));
}

export function takesTokens({ auth }: Values<typeof authSettings>): boolean {
  return Array.isArray(auth) && auth.includes('jwt');
}

/**
 * @param store The data store of the clients, if there are several.
 * @throws {SluiceError} `configuration_invalid`
 */
export async function openAuth(
  values: Values<typeof authSettings>,
  place: DatabasePlace,
  store?: string,
): Promise<OpenAuth> {
  const { auth } = values;
  const ways: readonly Way[] = auth === undefined || auth === 'none' ? [] : auth;
  const forStore = store === undefined ? {} : { store: { claim: values.jwtStoreClaim, name: store } };
  const options = tokenOptions(values, takesTokens(values));
  const tokens = options && { ...options, ...forStore };
  if (auth === undefined || auth === 'none') return { auth, close: () => Promise.resolve() };
  const { Authenticator } = await import('#api');
  const keyStore = ways.includes('keys') ? openKeyStore(place) : null;
  const keys = keyStore && { readKeys: () => keyStore.read() };
  const clock = tokens === null ? null : openClock(place);
  return {
    auth: new Authenticator({ keys, tokens: tokens && clock && { ...tokens, now: clock.now } }),
    close: async () => void (await Promise.all([keyStore?.close(), clock?.close()])),
  };
}

/** Tokens expire by the database's clock, on every node at the same moment. */
function openClock(place: DatabasePlace): { now: () => number; close: () => Promise<void> } {
  const database = new Database({ ...place, applicationName: 'sluice clock', connectionsMax: 1 });
  const clock = new DatabaseClock({ database });
  void clock.start();
  return {
    now: () => clock.now(),
    async close() {
      clock.stop();
      await database.close();
    },
  };
}

function tokenOptions(values: Values<typeof authSettings>, isUsed: boolean): TokenCheckOptions | null {
  const { jwtIssuer, jwtAudience, jwtJwks } = values;
  const needed = { '--jwt-issuer': jwtIssuer, '--jwt-audience': jwtAudience, '--jwt-jwks': jwtJwks };
  for (const [name, value] of Object.entries(needed)) {
    if (isUsed === (value !== undefined)) continue;
    const reason = isUsed ? `--auth jwt needs ${name}` : `${name} needs --auth jwt`;
    throw new SluiceError('configuration_invalid', `Cannot start: ${reason}`);
  }
  if (jwtIssuer === undefined || jwtAudience === undefined || jwtJwks === undefined) return null;
  return {
    issuer: jwtIssuer,
    audience: jwtAudience,
    jwks: jwtJwks,
    algorithms: values.jwtAlgorithms,
    clientClaim: values.jwtClientClaim,
    scopeClaim: values.jwtScopeClaim,
    clockToleranceSeconds: values.jwtClockToleranceSeconds,
  };
}
