/**
 * Hints from the database: wakeups without content, and ids of settled writes. A hint may be lost, late, repeated or
 * forged without harm, because each listener also polls.
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
  /** Calls back on each hint, and with null whenever hints may be lost: after every (re)connect, and when they stop or start again. */
  listen(channel: string, onHint: (payload: string | null) => void): Promise<void>;
  /**
   * Listens to these channels, and stops listening to earlier ones. Calls back as {@link listen} does: with null when
   * it hears a channel, and whenever hints of it may be lost.
   */
  hear(wanted: Iterable<string>, onHint: (channel: string, payload: string | null) => void): void;
  /** Hints arrive, as far as is known. */
  readonly isListening: boolean;
  /** Every channel of {@link hear} is heard; a hint of another may have come before its LISTEN. */
  readonly isHearing: boolean;
  /** Hints are wanted and do not arrive now. The owner polls more often meanwhile. */
  readonly isDeaf: boolean;
  close(): Promise<void>;
}

export interface ListenerOptions {
  /** A direct URL, because LISTEN does not work through a transaction-mode pooler. */
  url: string;
  /** Schema of the deployment. @default 'sluice' */
  schema?: string | undefined;
  applicationName: string;
}

/** Longest wait for the answer of an echo's statement; after it, the connection counts as lost. */
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
  /** Channels of `hear`, whose set may change. */
  readonly #heard = new Set<string>();
  /** Number of LISTENs of `hear` under way. */
  #unheard = 0;
  #connecting: Promise<void> | null = null;
  #isConnected = false;
  #isClosed = false;
  /** A pooler in transaction mode passes no notifications on. */
  #isOff = false;
  /** Number of consecutive LISTENs that the server refused. */
  #refusals = 0;

  constructor(options: ListenerOptions) {
    const { url, applicationName, schema = defaultSchema } = options;
    assertSchema(schema);
    this.#options = options;
    this.#schema = schema;
    this.#sockets = new RoamingSockets(url, schema);
    this.#subscriber = createSubscriber({
      url,
      schema,
      applicationName,
      // Limits the echo, because a half-open connection answers nothing.
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
    // LISTEN has committed, so everything that was settled before is read now.
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

  get isHearing(): boolean {
    return this.isListening && this.#unheard === 0;
  }

  get isDeaf(): boolean {
    return !this.#isClosed && !this.#isOff && !this.isListening;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#echo.stop();
    this.#sockets.close();
    for (const channel of this.#callbacks.keys()) this.#silence(channel);
    this.#callbacks.clear();
    const timer = setTimeout(() => this.#sockets.destroy(), closeTimeoutMs);
    await this.#connecting?.catch(() => undefined);
    await this.#subscriber.close().catch(() => undefined);
    clearTimeout(timer);
    // The server does not confirm the end of connections that were still being made.
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
      // A new connection did not take a LISTEN, and pg-listen does not retry: start over with another connection. A
      // standby refuses LISTEN with an error, and is rarely asked.
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
    // Without a connection, the next one will listen to the channel.
    const listening = this.#subscriber.listenTo(this.#onWire(channel));
    if (listening === undefined) return;
    this.#unheard += 1;
    listening
      .finally(() => (this.#unheard -= 1))
      .then(
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

/** Hears nothing: for deployments that cannot LISTEN, and only poll. */
export function silentListener(): Listener {
  return {
    listen: () => Promise.resolve(),
    hear: () => undefined,
    isListening: false,
    isHearing: false,
    isDeaf: false,
    close: () => Promise.resolve(),
  };
}

export function createListener(options: ListenerOptions & { notifications: boolean }): Listener {
  return options.notifications ? notifyListener(options) : silentListener();
}
