// An identity provider of a test's own, and what others make of its tokens.

import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, exportSPKI, SignJWT, type JWTPayload } from 'jose';

export interface Issuer {
  name: string;
  /** Its public keys: one for ES256, and one for RS256. */
  jwks: string;
  /** A token that is good for an hour, for `sluice`, unless the claims say otherwise. */
  sign(claims: JWTPayload): Promise<string>;
  /** Tokens that claim the same and must not be taken, by what is wrong with them. */
  forge(claims: JWTPayload): Promise<Record<Forgery, string>>;
}

export const forgeries = ['expired', 'audience', 'issuer', 'algorithm', 'none', 'HS for RS'] as const;
export type Forgery = (typeof forgeries)[number];

export async function createIssuer(name = 'https://id.example.org'): Promise<Issuer> {
  const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwks = [
    { ...(await exportJWK(elliptic.publicKey)), kid: 'elliptic', alg: 'ES256' },
    // Fits any RSA signature: only the list of algorithms refuses one.
    { ...(await exportJWK(rsa.publicKey)), kid: 'rsa' },
  ];
  const now = Math.floor(Date.now() / 1000);
  const token = (claims: JWTPayload) => new SignJWT({ iss: name, aud: 'sluice', exp: now + 3600, ...claims });
  const sign = (claims: JWTPayload) =>
    token(claims).setProtectedHeader({ alg: 'ES256', kid: 'elliptic' }).sign(elliptic.privateKey);
  return {
    name,
    jwks: JSON.stringify({ keys: jwks }),
    sign,
    async forge(claims) {
      const [, body = ''] = (await sign(claims)).split('.');
      const secret = new TextEncoder().encode(await exportSPKI(rsa.publicKey));
      const unsigned = Buffer.from('{"alg":"none"}').toString('base64url');
      return {
        expired: await sign({ ...claims, exp: now - 3600 }),
        audience: await sign({ ...claims, aud: 'another' }),
        issuer: await sign({ ...claims, iss: 'https://another.example.org' }),
        algorithm: await token(claims).setProtectedHeader({ alg: 'RS384', kid: 'rsa' }).sign(rsa.privateKey),
        none: `${unsigned}.${body}.`,
        'HS for RS': await token(claims).setProtectedHeader({ alg: 'HS256', kid: 'rsa' }).sign(secret),
      };
    },
  };
}
