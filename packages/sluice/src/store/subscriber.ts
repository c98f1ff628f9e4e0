/**
 * A subscriber of `pg-listen`, on a connection of its own that never runs a transaction. The sockets are ours, because
 * pg-listen goes on reconnecting after it was closed, and gives up where a LISTEN fails on a new connection.
 */
import { createRequire } from 'node:module';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type pgListen from 'pg-listen';
import { guardAnswers, type GuardedConnection } from './answer-guard.ts';
import { clientConfig } from './connection.ts';
import { reconnectDelayMs } from './reconnect-delay.ts';
import type { RoamingSockets } from './roaming-sockets.ts';
import { currentAddress } from './tls.ts';

// A CommonJS module with a default export: loaders disagree on what an import of it gives, `require` does not.
const { default: createPgListen } = createRequire(import.meta.url)('pg-listen') as typeof pgListen;

export type Subscriber = pgListen.Subscriber<Record<string, string>>;

export interface SubscriberOptions {
  url: string;
  applicationName: string;
  answerTimeoutMs: number;
  sockets: RoamingSockets;
  /** Throws once the listener is closed: that ends the tries to connect. */
  assertOpen: () => void;
}

export function createSubscriber(options: SubscriberOptions): Subscriber {
  const { url, applicationName, answerTimeoutMs, sockets, assertOpen } = options;
  const config = {
    ...clientConfig({ url, applicationName, answerTimeoutMs }),
    // The LISTENs of many channels go together, in one round trip.
    pipeline: true,
  };
  return createPgListen<Record<string, string>>(
    {
      ...config,
      // The driver's connection calls it as a method of its own: pg-listen makes its clients itself.
      stream(this: unknown) {
        assertOpen();
        guardAnswers(this as GuardedConnection);
        const socket = sockets.add();
        // In place, because pg-listen keeps what it began with: certificates as they are now, and the name of this server.
        if (typeof config.ssl === 'object') {
          Object.assign(config.ssl, currentAddress(url).ssl, {
            checkServerIdentity: (host: string, certificate: PeerCertificate) =>
              checkServerIdentity(socket.hostname ?? host, certificate),
          });
        }
        return socket;
      },
    },
    {
      retryInterval(attempt) {
        // Thrown here, an error ends the tries.
        assertOpen();
        return reconnectDelayMs(attempt);
      },
      retryTimeout: Number.POSITIVE_INFINITY,
      retryLimit: Number.POSITIVE_INFINITY,
      // The echo does as much, and more.
      paranoidChecking: false,
      parse: (payload: string) => payload,
      serialize: String,
    },
  );
}
