// What packages/sluice/src/store gives the product, over the simulated server: sessions that send flights, pools, hints. The rest of
// packages/sluice/src/store, and all of the product above it, runs as it is.

import type { ConnectionOptions, PoolUsage, Row, Statement, StatementResult } from 'sluice/internal/store';
import { awaitedOf, DatabaseError, reconnectDelayMs } from 'sluice/internal/store';
import { Connection, connectionLoss, network } from './network.ts';

const answerTimeoutMs = 35_000;

export class Session {
  readonly #connection: Connection;
  readonly #answerTimeoutMs: number;
  readonly #ended = new AbortController();
  #sentAt: number | null = null;

  constructor(connection: Connection, options: ConnectionOptions) {
    this.#connection = connection;
    this.#answerTimeoutMs = options.answerTimeoutMs ?? answerTimeoutMs;
    connection.onClosed = () => this.#ended.abort();
  }

  static async open(options: ConnectionOptions): Promise<Session> {
    const connection = new Connection(network.now);
    await connection.open(options.settings ?? {});
    return new Session(connection, options);
  }

  get pid(): number {
    return this.#connection.pid;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  async run(name: string, values: readonly unknown[] = []): Promise<Row[]> {
    const [result] = await this.flight([{ name, values }]);
    return result?.rows ?? [];
  }

  async flight(
    statements: readonly Statement[],
    answerTimeoutMs = this.#answerTimeoutMs,
  ): Promise<StatementResult[]> {
    this.#sentAt = performance.now();
    const sent = statements.map(({ name, values = [] }) =>
      this.#connection.send(name, values, answerTimeoutMs),
    );
    const count = awaitedOf(statements);
    for (const hint of sent.slice(count)) hint.catch(() => undefined);
    const settled = await Promise.allSettled(sent.slice(0, count));
    this.#sentAt = null;
    return settled.map((outcome, index) => {
      const { name = '', isOptional = false } = statements[index] ?? {};
      if (outcome.status === 'rejected') {
        if (isOptional) return { rows: [] };
        const { sqlState, constraint, message } = outcome.reason as DatabaseError;
        throw new DatabaseError({ sqlState, constraint, message, statement: name });
      }
      if (name === 'commit' && outcome.value.command !== 'COMMIT') {
        throw new DatabaseError({
          sqlState: '25P02',
          statement: name,
          message: 'the transaction was rolled back',
        });
      }
      return outcome.value;
    });
  }

  get silentMs(): number {
    return this.#sentAt === null ? 0 : performance.now() - this.#sentAt;
  }

  abandon(): void {
    this.#connection.close();
  }

  close(): Promise<void> {
    this.#ended.abort();
    this.#connection.close();
    return Promise.resolve();
  }
}

export interface SessionPoolOptions extends ConnectionOptions {
  sessionsMax?: number;
}

export class SessionPool {
  readonly #options: SessionPoolOptions;
  readonly #free: Session[] = [];
  readonly #waiting: (() => void)[] = [];
  #open = 0;

  constructor(options: SessionPoolOptions) {
    this.#options = options;
  }

  async use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#take();
    let isBroken = true;
    try {
      const result = await work(session);
      isBroken = false;
      return result;
    } finally {
      if (isBroken || session.ended.aborted) {
        this.#open -= 1;
        void session.close();
      } else this.#free.push(session);
      this.#waiting.shift()?.();
    }
  }

  async #take(): Promise<Session> {
    const deadline = performance.now() + (this.#options.connectTimeoutMs ?? 2000);
    for (;;) {
      const session = this.#free.pop();
      if (session?.ended.aborted === false) return session;
      if (session !== undefined) {
        this.#open -= 1;
        continue;
      }
      if (this.#open < (this.#options.sessionsMax ?? 32)) return this.#connect();
      const left = deadline - performance.now();
      if (left <= 0) throw connectionLoss('no connection is free');
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
        setTimeout(resolve, left);
      });
    }
  }

  async #connect(): Promise<Session> {
    this.#open += 1;
    try {
      return await Session.open(this.#options);
    } catch (error) {
      this.#open -= 1;
      this.#waiting.shift()?.();
      throw error;
    }
  }

  get usage(): PoolUsage {
    const idle = this.#free.length;
    const { sessionsMax: max = 32 } = this.#options;
    return { busy: this.#open - idle, idle, waiting: this.#waiting.length, max };
  }

  async close(): Promise<void> {
    await Promise.all(this.#free.splice(0).map((session) => session.close()));
  }
}

export interface DatabaseOptions extends ConnectionOptions {
  connectionsMax?: number;
}

export class Database {
  readonly options: DatabaseOptions;
  readonly #pool: SessionPool;

  constructor(options: DatabaseOptions) {
    this.options = options;
    this.#pool = new SessionPool({ ...options, sessionsMax: options.connectionsMax ?? 8 });
  }

  get url(): string {
    return this.options.url;
  }

  async run(name: string, values: readonly unknown[] = [], timeoutMs = answerTimeoutMs): Promise<Row[]> {
    const [rows = []] = await this.flight([{ name, values }], timeoutMs);
    return rows;
  }

  async flight(statements: readonly Statement[], timeoutMs = answerTimeoutMs): Promise<Row[][]> {
    const results = await this.#pool.use((session) => session.flight(statements, timeoutMs));
    return results.map(({ rows }) => rows);
  }

  get usage(): PoolUsage {
    return this.#pool.usage;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

export interface ListenerOptions {
  url: string;
  applicationName: string;
}

const echoMs = 1000;
const echoChannel = 'echo';

/**
 * As the real one behaves: reconnects for ever; once a second notifies itself, and is deaf while that does not come back;
 * tells after each (re)connect, and when it turns deaf or hears again, that hints may be missing.
 */
export function notifyListener(_options: ListenerOptions) {
  const callbacks = new Map<string, (payload: string | null) => void>();
  const heard = new Set<string>();
  let unheard = 0;
  let connection: Connection | null = null;
  let isConnected = false;
  let isEchoAwaited = false;
  let isEchoMissing = false;
  let isClosed = false;
  let connecting: Promise<void> | null = null;
  const everyone = (): void => callbacks.forEach((onHint) => onHint(null));

  const connect = async (): Promise<void> => {
    for (let failures = 0; ; failures++) {
      if (isClosed) return;
      const next = new Connection(network.now);
      try {
        await next.open({});
        next.onNote = (channel, payload) => {
          if (channel !== echoChannel) return callbacks.get(channel)?.(payload);
          isEchoAwaited = false;
          if (isEchoMissing) everyone();
          isEchoMissing = false;
        };
        next.onClosed = () => lost(next);
        connection = next;
        for (const channel of [echoChannel, ...callbacks.keys()])
          await next.send('listen', [channel], echoMs);
        isConnected = true;
        isEchoAwaited = false;
        isEchoMissing = false;
        everyone();
        return;
      } catch {
        next.onClosed = () => undefined;
        next.close();
        await new Promise((resolve) => setTimeout(resolve, reconnectDelayMs(failures)));
      }
    }
  };
  const lost = (which: Connection): void => {
    if (which !== connection) return;
    connection = null;
    isConnected = false;
    if (!isClosed) connecting = connect();
  };
  const beat = setInterval(() => {
    const beating = connection;
    if (beating === null || !isConnected) return;
    if (isEchoAwaited && !isEchoMissing) {
      isEchoMissing = true;
      everyone();
    }
    isEchoAwaited = true;
    beating.send('echo', [echoChannel], echoMs).catch((error: unknown) => {
      // The queue is full: the connection lives, and hears nothing.
      if (error instanceof DatabaseError && error.sqlState !== null) return;
      beating.close();
      lost(beating);
    });
  }, echoMs);

  return {
    async listen(channel: string, onHint: (payload: string | null) => void) {
      callbacks.set(channel, onHint);
      connecting ??= connect();
      await connecting;
      await connection?.send('listen', [channel], echoMs).catch(() => undefined);
      onHint(null);
    },
    hear(wanted: Iterable<string>, onHint: (channel: string, payload: string | null) => void) {
      const channels = new Set(wanted);
      for (const channel of heard) {
        if (channels.has(channel)) continue;
        heard.delete(channel);
        callbacks.delete(channel);
      }
      for (const channel of channels) {
        if (heard.has(channel)) continue;
        heard.add(channel);
        callbacks.set(channel, (payload) => onHint(channel, payload));
        if (connection === null) continue;
        unheard += 1;
        connection
          .send('listen', [channel], echoMs)
          .finally(() => (unheard -= 1))
          .then(
            () => onHint(channel, null),
            () => undefined,
          );
      }
    },
    get isListening() {
      return isConnected && !isEchoMissing && !isClosed;
    },
    get isHearing() {
      return this.isListening && unheard === 0;
    },
    get isDeaf() {
      return !isClosed && (!isConnected || isEchoMissing);
    },
    close() {
      isClosed = true;
      clearInterval(beat);
      connection?.close();
      return Promise.resolve();
    },
  };
}

export function silentListener() {
  return {
    listen: () => Promise.resolve(),
    hear: () => undefined,
    isListening: false,
    isHearing: false,
    isDeaf: false,
    close: () => Promise.resolve(),
  };
}

export function createListener(options: ListenerOptions & { notifications: boolean }) {
  return options.notifications ? notifyListener(options) : silentListener();
}

/** Nothing stands between a process and the server. */
export function detectPooler(_options: ConnectionOptions): Promise<boolean> {
  return Promise.resolve(false);
}
