// An identity provider of a test's own.

import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';

export interface Issuer {
  name: string;
  /** Its public keys. */
  jwks: string;
  /** A token that is good for an hour, for `sluice`, unless the claims say otherwise. */
  sign(claims: JWTPayload): Promise<string>;
}

export async function createIssuer(name = 'https://id.example.org'): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'only', alg: 'ES256' };
  return {
    name,
    jwks: JSON.stringify({ keys: [jwk] }),
    sign: (claims) =>
      new SignJWT({ iss: name, aud: 'sluice', exp: Math.floor(Date.now() / 1000) + 3600, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'only' })
        .sign(privateKey),
  };
}
