/**
 * Hints from the database: content-free wakeups, and ids of settled writes. A hint may be lost, late, doubled or
 * forged, and everything still holds; whoever listens also polls.
 */
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { SluiceError } from '#protocol';
import type pgListen from 'pg-listen';
import { guardAnswers, type GuardedConnection } from './answer-guard.ts';
import { clientConfig } from './connection.ts';
import { hostsOf, type Hosts } from './hosts.ts';
import { channels } from './names.ts';
import { assertSchema, channelIn, defaultSchema } from './schema.ts';
import { detectPooler } from './pooler.ts';
import { reconnectDelayMs } from './reconnect-delay.ts';
import { currentAddress } from './tls.ts';

// A CommonJS module with a default export: loaders disagree on what an import of it gives, `require` does not.
const { default: createSubscriber } = createRequire(import.meta.url)('pg-listen') as typeof pgListen;

export interface Listener {
  /**
   * Calls back on each hint, and with null whenever hints may have been missed: after every (re)connect, and when they
   * turn out not to arrive, or to arrive again.
   */
  listen(channel: string, onHint: (payload: string | null) => void): Promise<void>;
  /**
   * Hears these channels, and no longer those that it was told to hear before. Calls back as {@link listen} does: with null
   * once a channel is heard, and whenever hints of it may have been missed.
   */
  hear(wanted: Iterable<string>, onHint: (channel: string, payload: string | null) => void): void;
  /** True while hints arrive as far as we know. */
  readonly isListening: boolean;
  /** Hints are wanted and do not arrive now: whoever waits looks more often meanwhile. */
  readonly isDeaf: boolean;
  close(): Promise<void>;
}

export interface ListenerOptions {
  /** A direct URL: LISTEN does not pass through a transaction-mode pooler. */
  url: string;
  /** Whose channels. @default 'sluice' */
  schema?: string | undefined;
  applicationName: string;
}

/** Connects to whichever server is current: pg-listen keeps the configuration that it began with. */
class RoamingSocket extends Socket {
  readonly #hosts: Hosts;
  /** The server at the other end is one to listen to. */
  isProven = false;
  /** Of the server that was chosen here. */
  hostname: string | null = null;

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
    const { host = 'localhost', port = 5432 } = currentAddress(url);
    this.hostname = host;
    if (host.startsWith('/')) return super.connect(`${host}/.s.PGSQL.${port}`);
    return super.connect(port, host);
  }
}

/**
 * A listener that has heard nothing for this long sends an echo, a notification to all listeners. Its statement tells that
 * the connection lives, and its return that notifications arrive, which they do not behind a pooler in transaction mode or
 * when the queue is full. Whoever hears it needs none of its own: PostgreSQL wakes every listener for every notification,
 * so echoes of each to itself would cost the square of their number.
 */
const silenceMs = 500;
/** An echo whose statement is not answered by then has met a connection that is lost. */
const echoTimeoutMs = 1000;

/** A farewell that is not answered by then is none. */
const closeTimeoutMs = 500;

/**
 * Listens through `pg-listen`, on a connection of its own that never runs a transaction. The sockets are ours, as
 * pg-listen goes on reconnecting after it was closed, and gives up where a LISTEN fails on a new connection.
 */
export function notifyListener(options: ListenerOptions): Listener {
  const { schema = defaultSchema } = options;
  assertSchema(schema);
  const onWire = (channel: string): string => channelIn(schema, channel);
  const callbacks = new Map<string, (payload: string | null) => void>();
  /** Those of the callbacks that come and go. */
  const heard = new Set<string>();
  let isConnected = false;
  let isEchoMissing = false;
  let isEchoAwaited = false;
  /** LISTENs in a row that the server refused. */
  let refusals = 0;
  let isEchoUnderWay = false;
  /** Anything, since the last look. */
  let hasHeard = false;
  let closed = false;
  /** A pooler in transaction mode passes no notifications on. */
  let isOff = false;
  const sockets = new Set<RoamingSocket>();
  const destroySockets = (): void => sockets.forEach((socket) => socket.destroy());
  const assertOpen = (): void => {
    if (closed) throw new SluiceError('stopping', 'Cannot listen as the listener is closed');
  };
  const config = {
    ...clientConfig({
      url: options.url,
      applicationName: options.applicationName,
      // Bounds the echo: a half-open connection answers nothing.
      answerTimeoutMs: echoTimeoutMs,
    }),
    // The LISTENs of many channels go together, in one round trip.
    pipeline: true,
  };
  const subscriber = createSubscriber<Record<string, string>>(
    {
      ...config,
      // The driver's connection calls it as a method of its own: pg-listen makes its clients itself.
      stream(this: unknown) {
        assertOpen();
        guardAnswers(this as GuardedConnection);
        const socket = new RoamingSocket(hostsOf(options.url));
        // In place, as pg-listen keeps what it began with: certificates as they are now, and the name of this server.
        if (typeof config.ssl === 'object') {
          Object.assign(config.ssl, currentAddress(options.url).ssl, {
            checkServerIdentity: (host: string, certificate: PeerCertificate) =>
              checkServerIdentity(socket.hostname ?? host, certificate),
          });
        }
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
      // The echo does as much, and more.
      paranoidChecking: false,
      parse: (payload: string) => payload,
      serialize: String,
    },
  );
  const everyone = (): void => callbacks.forEach((onHint) => onHint(null));
  subscriber.events.on('connected', () => {
    for (const socket of sockets) socket.isProven = true;
    isConnected = true;
    hasHeard = false;
    isEchoAwaited = false;
    isEchoMissing = false;
    everyone();
  });
  subscriber.events.on('reconnect', () => {
    isConnected = false;
  });
  subscriber.events.on('error', (error: Error & { severity?: unknown }) => {
    isConnected = false;
    // A new connection did not take a LISTEN, and pg-listen leaves it at that: from the start, with another connection. A
    // standby takes none, and says so: it is asked seldom.
    if (error.severity === undefined) destroySockets();
    else setTimeout(destroySockets, reconnectDelayMs(refusals++)).unref();
  });
  let connecting: Promise<void> | null = null;
  let echoTimer: NodeJS.Timeout | null = null;
  const connect = async (): Promise<void> => {
    await subscriber.connect();
    await subscriber.listenTo(onWire(channels.echo));
    // Each at a pace of its own, so that those started together do not send theirs together.
    echoTimer = setInterval(lookAtSilence, silenceMs * (0.8 + 0.4 * Math.random()));
    // It keeps no process alive.
    echoTimer.unref();
  };
  const lookAtSilence = (): void => {
    if (!isConnected || closed || isEchoUnderWay) return;
    if (isEchoAwaited) missEcho();
    else if (hasHeard) return void (hasHeard = false);
    isEchoUnderWay = true;
    subscriber
      .notify(onWire(channels.echo), '')
      ?.then(
        // The server has sent it by now, or will not.
        () => (isEchoAwaited = !hasHeard),
        (error: unknown) => {
          const { severity } = error as { severity?: unknown };
          // What the server refuses (its notification queue is full) it refuses on a connection that lives.
          if (severity === undefined) destroySockets();
          else missEcho();
        },
      )
      .finally(() => (isEchoUnderWay = false));
  };
  const missEcho = (): void => {
    const wasMissing = isEchoMissing;
    isEchoMissing = true;
    if (!wasMissing) everyone();
  };
  subscriber.events.on('notification', () => {
    hasHeard = true;
    isEchoAwaited = false;
    refusals = 0;
    if (!isEchoMissing) return;
    isEchoMissing = false;
    everyone();
  });

  const callBack = (channel: string, onHint: (payload: string | null) => void): void => {
    callbacks.set(channel, onHint);
    subscriber.notifications.on(onWire(channel), (payload: unknown) =>
      onHint(typeof payload === 'string' ? payload : ''),
    );
  };
  const beginToHear = (channel: string, onHint: (payload: string | null) => void): void => {
    heard.add(channel);
    callBack(channel, onHint);
    // Where there is no connection, the next one takes it along.
    subscriber.listenTo(onWire(channel))?.then(
      () => onHint(null),
      () => {
        if (isConnected) destroySockets();
      },
    );
  };
  const ceaseToHear = (channel: string): void => {
    heard.delete(channel);
    callbacks.delete(channel);
    subscriber.notifications.removeAllListeners(onWire(channel));
    subscriber.unlisten(onWire(channel))?.catch(() => undefined);
  };

  return {
    async listen(channel, onHint) {
      callBack(channel, onHint);
      isOff ||= await detectPooler(options);
      if (isOff) return;
      connecting ??= connect();
      await connecting;
      await subscriber.listenTo(onWire(channel));
      // LISTEN has committed: what was settled before it is to be read now.
      onHint(null);
    },
    hear(wanted, onHint) {
      if (isOff || closed) return;
      const names = new Set(wanted);
      for (const channel of heard) if (!names.has(channel)) ceaseToHear(channel);
      for (const channel of names)
        if (!heard.has(channel)) beginToHear(channel, (payload) => onHint(channel, payload));
    },
    get isListening() {
      return isConnected && !isEchoMissing && !closed;
    },
    get isDeaf() {
      return !closed && !isOff && (!isConnected || isEchoMissing);
    },
    async close() {
      if (closed) return;
      closed = true;
      if (echoTimer !== null) clearInterval(echoTimer);
      for (const channel of callbacks.keys()) subscriber.notifications.removeAllListeners(onWire(channel));
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
  return {
    listen: () => Promise.resolve(),
    hear: () => undefined,
    isListening: false,
    isDeaf: false,
    close: () => Promise.resolve(),
  };
}

export function createListener(options: ListenerOptions & { notifications: boolean }): Listener {
  return options.notifications ? notifyListener(options) : silentListener();
}
