/**
 * Hints from the database: content-free wakeups, and ids of settled writes. A hint may be lost, late, doubled or
 * forged, and everything still holds, because each listener also polls.
 */
import { SluiceError } from '#protocol';
import { EchoWatch } from './echo-watch.ts';
import { channels } from './names.ts';
import { detectPooler } from './pooler.ts';
import { reconnectDelayMs } from './reconnect-delay.ts';
import { RoamingSockets } from './roaming-sockets.ts';
import { assertSchema, channelIn, defaultSchema } from './schema.ts';
import { createSubscriber, type Subscriber } from './subscriber.ts';

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
  /** Hints are wanted and do not arrive now. Its owner polls more often meanwhile. */
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

/** An echo whose statement is not answered by then has met a connection that is lost. */
const echoTimeoutMs = 1000;

/** If the server does not confirm the end of the connection by then, the socket is closed. */
const closeTimeoutMs = 500;

export function notifyListener(options: ListenerOptions): Listener {
  return new NotifyListener(options);
}

class NotifyListener implements Listener {
  readonly #options: ListenerOptions;
  readonly #schema: string;
  readonly #sockets: RoamingSockets;
  readonly #subscriber: Subscriber;
  readonly #echo: EchoWatch;
  readonly #callbacks = new Map<string, (payload: string | null) => void>();
  /** Those of the callbacks that come and go. */
  readonly #heard = new Set<string>();
  #connecting: Promise<void> | null = null;
  #isConnected = false;
  #isClosed = false;
  /** A pooler in transaction mode passes no notifications on. */
  #isOff = false;
  /** LISTENs in a row that the server refused. */
  #refusals = 0;

  constructor(options: ListenerOptions) {
    const { url, applicationName, schema = defaultSchema } = options;
    assertSchema(schema);
    this.#options = options;
    this.#schema = schema;
    this.#sockets = new RoamingSockets(url);
    this.#subscriber = createSubscriber({
      url,
      applicationName,
      // Bounds the echo: a half-open connection answers nothing.
      answerTimeoutMs: echoTimeoutMs,
      sockets: this.#sockets,
      assertOpen: () => {
        if (this.#isClosed) throw new SluiceError('stopping', 'Cannot listen: the listener is closed');
      },
    });
    this.#echo = new EchoWatch({
      isConnected: () => this.#isConnected && !this.#isClosed,
      send: () => this.#subscriber.notify(this.#onWire(channels.echo), ''),
      onMissing: () => this.#tellAll(),
      onLost: () => this.#sockets.destroy(),
    });
    this.#watchConnection();
  }

  async listen(channel: string, onHint: (payload: string | null) => void): Promise<void> {
    this.#callBack(channel, onHint);
    this.#isOff ||= await detectPooler(this.#options);
    if (this.#isOff) return;
    await (this.#connecting ??= this.#connect());
    await this.#subscriber.listenTo(this.#onWire(channel));
    // LISTEN has committed: what was settled before it is to be read now.
    onHint(null);
  }

  hear(wanted: Iterable<string>, onHint: (channel: string, payload: string | null) => void): void {
    if (this.#isOff || this.#isClosed) return;
    const names = new Set(wanted);
    for (const channel of this.#heard) if (!names.has(channel)) this.#ceaseToHear(channel);
    for (const channel of names)
      if (!this.#heard.has(channel)) this.#beginToHear(channel, (payload) => onHint(channel, payload));
  }

  get isListening(): boolean {
    return this.#isConnected && !this.#echo.isMissing && !this.#isClosed;
  }

  get isDeaf(): boolean {
    return !this.#isClosed && !this.#isOff && (!this.#isConnected || this.#echo.isMissing);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#echo.stop();
    for (const channel of this.#callbacks.keys()) this.#silence(channel);
    this.#callbacks.clear();
    const timer = setTimeout(() => this.#sockets.destroy(), closeTimeoutMs);
    await this.#connecting?.catch(() => undefined);
    await this.#subscriber.close().catch(() => undefined);
    clearTimeout(timer);
    // The server confirms no end of connections that were still being made.
    this.#sockets.destroy();
  }

  async #connect(): Promise<void> {
    await this.#subscriber.connect();
    await this.#subscriber.listenTo(this.#onWire(channels.echo));
    this.#echo.start();
  }

  #watchConnection(): void {
    const { events } = this.#subscriber;
    events.on('connected', () => {
      this.#sockets.prove();
      this.#isConnected = true;
      this.#echo.renew();
      this.#tellAll();
    });
    events.on('reconnect', () => {
      this.#isConnected = false;
    });
    events.on('error', (error: Error & { severity?: unknown }) => {
      this.#isConnected = false;
      // A new connection did not take a LISTEN, and pg-listen leaves it at that: from the start, with another connection. A
      // standby takes none, and says so: it is asked seldom.
      if (error.severity === undefined) this.#sockets.destroy();
      else setTimeout(() => this.#sockets.destroy(), reconnectDelayMs(this.#refusals++)).unref();
    });
    events.on('notification', () => {
      this.#refusals = 0;
      this.#echo.heard();
    });
  }

  #tellAll(): void {
    for (const onHint of this.#callbacks.values()) onHint(null);
  }

  #onWire(channel: string): string {
    return channelIn(this.#schema, channel);
  }

  #callBack(channel: string, onHint: (payload: string | null) => void): void {
    this.#callbacks.set(channel, onHint);
    this.#subscriber.notifications.on(this.#onWire(channel), (payload: unknown) =>
      onHint(typeof payload === 'string' ? payload : ''),
    );
  }

  #beginToHear(channel: string, onHint: (payload: string | null) => void): void {
    this.#heard.add(channel);
    this.#callBack(channel, onHint);
    // Where there is no connection, the next one takes it along.
    this.#subscriber.listenTo(this.#onWire(channel))?.then(
      () => onHint(null),
      () => {
        if (this.#isConnected) this.#sockets.destroy();
      },
    );
  }

  #ceaseToHear(channel: string): void {
    this.#heard.delete(channel);
    this.#callbacks.delete(channel);
    this.#silence(channel);
    this.#subscriber.unlisten(this.#onWire(channel))?.catch(() => undefined);
  }

  #silence(channel: string): void {
    this.#subscriber.notifications.removeAllListeners(this.#onWire(channel));
  }
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
