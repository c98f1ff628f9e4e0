/** HTTPS: the certificate of a server, and its key. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { SluiceError } from 'sluice/internal/protocol';
import { fileSetting } from './setting-forms.ts';
import type { Values } from './setting.ts';

export const tlsSettings = {
  tlsCert: fileSetting(
    '--tls-cert <file>',
    'SLUICE_TLS_CERT',
    'certificate in PEM, with its intermediate certificates; serves HTTPS, and needs --tls-key',
  ),
  tlsKey: fileSetting('--tls-key <file>', 'SLUICE_TLS_KEY', 'private key of --tls-cert, in PEM'),
};

/**
 * Undefined if neither is given: HTTP.
 * @throws {SluiceError} `configuration_invalid` for one without the other, and for files that are not a certificate
 *   and its key
 */
export function readTls({ tlsCert, tlsKey }: Values<typeof tlsSettings>) {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined) throw refusal('--tls-key is given without --tls-cert (SLUICE_TLS_CERT)');
  if (tlsKey === undefined) throw refusal('--tls-cert is given without --tls-key (SLUICE_TLS_KEY)');
  const tls = { cert: read('--tls-cert', tlsCert), key: read('--tls-key', tlsKey) };
  try {
    createSecureContext(tls);
  } catch {
    // The message of OpenSSL names no file.
    throw refusal(`--tls-cert and --tls-key are not a certificate and its key: ${tlsCert}, ${tlsKey}`);
  }
  return tls;
}

function read(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw refusal(
      `${name} names a file that cannot be read (${(error as NodeJS.ErrnoException).code}): ${path}`,
    );
  }
}

function refusal(reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot start: ${reason}`);
}
