/**
 * Hints from the database: content-free wakeups, and ids of settled writes. A hint may be lost, late, doubled or
 * forged, and everything still holds; whoever listens also polls.
 */
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { SluiceError } from '@sluice/protocol';
import type pgListen from 'pg-listen';
import { clientConfig } from './connection.ts';
import { hostsOf, type Hosts } from './hosts.ts';
import { reconnectDelayMs } from './reconnect-delay.ts';

// A CommonJS module with a default export: loaders disagree on what an import of it gives, `require` does not.
const { default: createSubscriber } = createRequire(import.meta.url)('pg-listen') as typeof pgListen;

export interface Listener {
  /** Calls back on each hint, and once with null whenever hints may have been missed: after every (re)connect. */
  listen(channel: string, onHint: (payload: string | null) => void): Promise<void>;
  /** True while hints arrive as far as we know. */
  readonly isListening: boolean;
  close(): Promise<void>;
}

export interface ListenerOptions {
  /** A direct URL: LISTEN does not pass through a transaction-mode pooler. */
  url: string;
  applicationName: string;
}

/** Connects to whichever server is current: pg-listen keeps the configuration that it began with. */
class RoamingSocket extends Socket {
  readonly #hosts: Hosts;
  /** The server at the other end is one to listen to. */
  isProven = false;

  constructor(hosts: Hosts) {
    super();
    this.#hosts = hosts;
  }

  override connect(...args: unknown[]): this {
    if (this.#hosts.count === 1) return (super.connect as (...all: unknown[]) => this)(...args);
    const url = this.#hosts.current;
    this.once('close', () => {
      if (!this.isProven) this.#hosts.leave(url);
    });
    const { hostname, port } = new URL(url);
    return super.connect(Number(port || 5432), hostname.replace(/^\[|\]$/g, ''));
  }
}

/** A farewell that is not answered by then is none. */
const closeTimeoutMs = 500;

/**
 * Listens through `pg-listen`, on a connection of its own that never runs a transaction. The sockets are ours, as
 * pg-listen goes on reconnecting after it was closed, and gives up where a LISTEN fails on a new connection.
 */
export function notifyListener(options: ListenerOptions): Listener {
  const callbacks = new Map<string, (payload: string | null) => void>();
  let isListening = false;
  let closed = false;
  const sockets = new Set<RoamingSocket>();
  const destroySockets = (): void => sockets.forEach((socket) => socket.destroy());
  const assertOpen = (): void => {
    if (closed) throw new SluiceError('stopping', 'Cannot listen as the listener is closed');
  };
  const subscriber = createSubscriber<Record<string, string>>(
    {
      ...clientConfig({
        url: options.url,
        applicationName: options.applicationName,
        // Bounds the heartbeat below: a half-open connection answers nothing.
        answerTimeoutMs: 1000,
      }),
      stream() {
        assertOpen();
        const socket = new RoamingSocket(hostsOf(options.url));
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
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
      paranoidChecking: 1000,
      parse: (payload: string) => payload,
      serialize: String,
    },
  );
  const everyone = (): void => callbacks.forEach((onHint) => onHint(null));
  subscriber.events.on('connected', () => {
    for (const socket of sockets) socket.isProven = true;
    isListening = true;
    everyone();
  });
  subscriber.events.on('reconnect', () => {
    isListening = false;
  });
  subscriber.events.on('error', () => {
    isListening = false;
    // A new connection did not take a LISTEN, and pg-listen leaves it at that: from the start, with another connection.
    destroySockets();
  });
  let connecting: Promise<void> | null = null;

  return {
    async listen(channel, onHint) {
      callbacks.set(channel, onHint);
      subscriber.notifications.on(channel, (payload: unknown) =>
        onHint(typeof payload === 'string' ? payload : ''),
      );
      connecting ??= subscriber.connect();
      await connecting;
      await subscriber.listenTo(channel);
      // LISTEN has committed: what was settled before it is to be read now.
      onHint(null);
    },
    get isListening() {
      return isListening && !closed;
    },
    async close() {
      if (closed) return;
      closed = true;
      for (const channel of callbacks.keys()) subscriber.notifications.removeAllListeners(channel);
      callbacks.clear();
      const timer = setTimeout(destroySockets, closeTimeoutMs);
      await connecting?.catch(() => undefined);
      await subscriber.close().catch(() => undefined);
      clearTimeout(timer);
      // Of connections that were being made there is no farewell.
      destroySockets();
    },
  };
}

/** Hears nothing: for deployments that cannot LISTEN. Polling does all the work. */
export function silentListener(): Listener {
  return { listen: () => Promise.resolve(), isListening: false, close: () => Promise.resolve() };
}

export function createListener(options: ListenerOptions & { notifications: boolean }): Listener {
  return options.notifications ? notifyListener(options) : silentListener();
}
