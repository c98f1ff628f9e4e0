/** Says why a connection failed, and where to, without anything secret. */

/** The address of the failed connection; if a name has several, the first. */
export function placeOf(error: object): string {
  const [first = error] = (error as AggregateError).errors ?? [];
  const { hostname, address, port } = first as { hostname?: string; address?: string; port?: number };
  const host = hostname ?? address;
  if (host === undefined) return '';
  return port === undefined ? ` ${host}` : ` ${host}:${port}`;
}

/** Message of the driver for a server without TLS; the error has no code. */
export const driverNoTls = 'The server does not support SSL connections';

/** Codes of a certificate that was checked and is wrong, which an operator has to know. */
const datedCertificate = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
const strangeCertificate = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

export function failureOf(code: string): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `connection failed: the server's certificate is for another host name (${code})`;
  }
  if (datedCertificate.has(code)) {
    return `connection failed: the server's certificate is out of date (${code})`;
  }
  if (strangeCertificate.has(code)) {
    return `connection failed: no CA that is trusted here vouches for the server's certificate (${code})`;
  }
  return `connection failed: ${code}`;
}
