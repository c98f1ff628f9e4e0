// Certificates for the length of a test run: an authority, and what it signs.

import forge from 'node-forge';
import { isIP } from 'node:net';

export interface Certificate {
  /** In PEM, as everything here. */
  cert: string;
  key: string;
}

export interface Authority extends Certificate {
  /** Of a server of these names and addresses, or of a client of the first name. */
  sign(...names: string[]): Certificate;
}

const dayMs = 86_400_000;
let serial = 0;

export function createAuthority(name: string): Authority {
  const keys = forge.pki.rsa.generateKeyPair(2048);
  const own = unsigned(name, keys.publicKey);
  own.setIssuer(own.subject.attributes);
  own.setExtensions([
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
  ]);
  own.sign(keys.privateKey, forge.md.sha256.create());
  return {
    ...pemOf(own, keys.privateKey),
    sign(...names) {
      const { publicKey, privateKey } = forge.pki.rsa.generateKeyPair(2048);
      const certificate = unsigned(names[0] ?? '', publicKey);
      certificate.setIssuer(own.subject.attributes);
      certificate.setExtensions([
        { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
        {
          name: 'subjectAltName',
          altNames: names.map((each) => (isIP(each) ? { type: 7, ip: each } : { type: 2, value: each })),
        },
      ]);
      certificate.sign(keys.privateKey, forge.md.sha256.create());
      return pemOf(certificate, privateKey);
    },
  };
}

function unsigned(name: string, publicKey: forge.pki.PublicKey): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  certificate.serialNumber = (++serial).toString(16).padStart(2, '0');
  certificate.validity.notBefore = new Date(Date.now() - dayMs);
  certificate.validity.notAfter = new Date(Date.now() + dayMs);
  certificate.setSubject([{ name: 'commonName', value: name }]);
  return certificate;
}

function pemOf(certificate: forge.pki.Certificate, key: forge.pki.PrivateKey): Certificate {
  return { cert: forge.pki.certificateToPem(certificate), key: forge.pki.privateKeyToPem(key) };
}
