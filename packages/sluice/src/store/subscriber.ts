/**
 * A subscriber of `pg-listen`, on a connection of its own that never runs a transaction. It has sockets of its own,
 * because pg-listen reconnects even after it was closed, and gives up if a LISTEN fails on a new connection.
 */
import { createRequire } from 'node:module';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type pgListen from 'pg-listen';
import { guardAnswers, type GuardedConnection } from './answer-guard.ts';
import { clientConfig } from './connection.ts';
import { reconnectDelayMs } from './reconnect-delay.ts';
import type { RoamingSockets } from './roaming-sockets.ts';
import { currentAddress } from './tls.ts';

// A CommonJS module with a default export: loaders import it in different ways, but `require` does not.
const { default: createPgListen } = createRequire(import.meta.url)('pg-listen') as typeof pgListen;

export type Subscriber = pgListen.Subscriber<Record<string, string>>;

interface SubscriberOptions {
  url: string;
  schema: string;
  applicationName: string;
  answerTimeoutMs: number;
  sockets: RoamingSockets;
  /** Throws after the listener is closed, which ends the tries to connect. */
  assertOpen: () => void;
}

export function createSubscriber(options: SubscriberOptions): Subscriber {
  const { url, schema, applicationName, answerTimeoutMs, sockets, assertOpen } = options;
  const config = {
    ...clientConfig({ url, schema, applicationName, answerTimeoutMs }),
    // The LISTENs of many channels are sent together, in one round trip.
    pipeline: true,
  };
  return createPgListen<Record<string, string>>(
    {
      ...config,
      // The driver calls it as a method, because pg-listen makes its clients itself.
      stream(this: unknown) {
        assertOpen();
        guardAnswers(this as GuardedConnection);
        const socket = sockets.add();
        // Changed in place, because pg-listen keeps its first configuration: present certificates, and the name of this
        // server.
        if (typeof config.ssl === 'object') {
          Object.assign(config.ssl, currentAddress(url, schema).ssl, {
            checkServerIdentity: (host: string, certificate: PeerCertificate) =>
              checkServerIdentity(socket.hostname ?? host, certificate),
          });
        }
        return socket;
      },
    },
    {
      retryInterval(attempt) {
        // An error here ends the tries.
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
