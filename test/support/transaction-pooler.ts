// A pooler in transaction mode, as PgBouncer is one (which does not come from npm): each client believes in a session of
// its own, and each of its transactions runs on whichever server session is free. What a client sets, the next one on that
// session meets. If told to, it keeps the prepared statements of its clients, as PgBouncer does from 1.21 on: under names of
// its own, prepared again on a session that does not have them.

import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { messages } from './messages.ts';

export interface PoolerOptions {
  /** @default false */
  keepsStatements?: boolean;
  /** Session mode instead: a client keeps its server session until it goes. @default false */
  holdsSessions?: boolean;
}

export interface TransactionPooler {
  url: string;
  /** Sessions of the server that are open. */
  readonly sessions: number;
  close(): Promise<void>;
}

/** The prepared statements of a session of the server. */
interface Prepared {
  names: Set<string>;
  /** What is still to be answered, in order: a Parse, or the end of what is answered together. */
  awaited: ({ name: string; isOurs: boolean } | 'end')[];
}

interface Front {
  /** Its own prepared statements: query and types of parameters. */
  statements: Map<string, Buffer>;
  id: number;
  socket: Socket;
  back: Socket | null;
  waiting: Buffer[];
  isAcquiring: boolean;
  /** Answers with a ReadyForQuery that are still to come. */
  outstanding: number;
  /** An extended query is sent in part. */
  isMidway: boolean;
  /** Its server session has an open transaction. */
  isInTransaction: boolean;
}

const sslRequest = 80_877_103;
const int32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
};
const message = (type: string, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
};
const parameter = (name: string, value: string): Buffer => message('S', Buffer.from(`${name}\0${value}\0`));

/** Starts one for the length of the test. */
export async function startTransactionPooler(
  url: string,
  sessionsMax = 8,
  { keepsStatements = false, holdsSessions = false }: PoolerOptions = {},
): Promise<TransactionPooler> {
  const clients: pg.Client[] = [];
  /** Sessions that have ended: another one may be opened in place of each. */
  let lost = 0;
  const free: Socket[] = [];
  const queue: Front[] = [];
  const fronts = new Map<Socket, Front>();
  const prepared = new WeakMap<Socket, Prepared>();
  let frontsCount = 0;
  let isClosed = false;

  const openBack = async (): Promise<Socket> => {
    const client = new pg.Client(url);
    client.on('error', () => undefined);
    clients.push(client);
    await client.connect();
    const stream = streamOf(client);
    // From here on its bytes are the fronts'.
    stream.removeAllListeners('data');
    prepared.set(stream, { names: new Set(), awaited: [] });
    const parse = messages(
      () => true,
      (type, bytes) => answer(stream, type, bytes),
    );
    stream.on('data', parse);
    stream.once('close', () => {
      const at = free.indexOf(stream);
      if (at >= 0) free.splice(at, 1);
      const front = fronts.get(stream);
      fronts.delete(stream);
      if (front !== undefined) {
        front.back = null;
        front.socket.end();
      }
      replace();
    });
    return stream;
  };
  const flush = (front: Front): void => {
    for (const bytes of front.waiting.splice(0)) forward(front, bytes);
  };
  const acquire = async (front: Front): Promise<void> => {
    front.isAcquiring = true;
    try {
      const back = free.pop() ?? (clients.length - lost < sessionsMax ? await openBack() : null);
      if (back === null) return void queue.push(front);
      give(front, back);
    } catch {
      front.socket.end();
      replace();
    }
  };
  /** A session has ended, so a client that waits may open another one. */
  const replace = (): void => {
    lost += 1;
    const next = isClosed ? undefined : queue.shift();
    if (next !== undefined) void acquire(next);
  };
  const give = (front: Front, back: Socket): void => {
    // It has gone while it waited.
    if (front.socket.destroyed) return pass(back);
    front.isAcquiring = false;
    front.back = back;
    fronts.set(back, front);
    flush(front);
  };
  const release = (front: Front): void => {
    const { back } = front;
    if (back === null) return;
    front.back = null;
    fronts.delete(back);
    pass(back);
  };
  const pass = (back: Socket): void => {
    const next = queue.shift();
    if (next === undefined) free.push(back);
    else give(next, back);
  };
  const forward = (front: Front, bytes: Buffer): void => {
    const type = String.fromCharCode(bytes[0]!);
    if (type === 'X') return void front.socket.end();
    front.isMidway = type !== 'Q' && type !== 'S';
    if (!front.isMidway) front.outstanding += 1;
    if (front.back === null) return;
    for (const each of keepsStatements ? translated(front, front.back, bytes) : [bytes])
      front.back.write(each);
  };
  /** As the session of the server gets it: names are the pooler's, and what it does not have is prepared first. */
  const translated = (front: Front, back: Socket, bytes: Buffer): Buffer[] => {
    const { names, awaited } = prepared.get(back)!;
    const type = String.fromCharCode(bytes[0]!);
    if (type === 'S' || type === 'Q') awaited.push('end');
    if (type !== 'P' && type !== 'B') return [bytes];
    // Bind names its portal first.
    const at = type === 'P' ? 5 : bytes.indexOf(0, 5) + 1;
    const end = bytes.indexOf(0, at);
    const own = bytes.toString('utf8', at, end);
    const name = own === '' ? '' : `POOLER_${front.id}_${own}`;
    const parse = (isOurs: boolean): Buffer => {
      if (name !== '') names.add(name);
      awaited.push({ name, isOurs });
      const rest = isOurs ? front.statements.get(own)! : bytes.subarray(end + 1);
      return message('P', Buffer.from(`${name}\0`), rest);
    };
    if (type === 'P') {
      front.statements.set(own, Buffer.from(bytes.subarray(end + 1)));
      return [parse(false)];
    }
    const bind = message('B', bytes.subarray(5, at), Buffer.from(name), bytes.subarray(end));
    return name === '' || names.has(name) ? [bind] : [parse(true), bind];
  };
  /** Whether the answer is for the client. */
  const noteAnswer = (back: Socket, type: string): boolean => {
    const { names, awaited } = prepared.get(back)!;
    if (type === '1') {
      const parsed = awaited.shift();
      return typeof parsed !== 'object' || !parsed.isOurs;
    }
    if (type !== 'Z') return true;
    // What was not answered by then has failed.
    while (awaited.length > 0) {
      const failed = awaited.shift();
      if (failed === 'end') break;
      if (failed !== undefined) names.delete(failed.name);
    }
    return true;
  };
  const answer = (back: Socket, type: string, bytes: Buffer): void => {
    const front = fronts.get(back);
    if (front === undefined) return;
    if (!keepsStatements || noteAnswer(back, type)) front.socket.write(bytes);
    if (type !== 'Z') return;
    front.outstanding -= 1;
    front.isInTransaction = bytes[5] !== 'I'.charCodeAt(0);
    if (!holdsSessions && isAtRest(front)) release(front);
  };
  const isAtRest = ({ outstanding, isMidway, isInTransaction }: Front): boolean =>
    outstanding === 0 && !isMidway && !isInTransaction;
  /** Answers what a client says first; false: it will say more. */
  const begin = (socket: Socket, bytes: Buffer): boolean => {
    if (bytes.readInt32BE(4) === sslRequest) {
      socket.write('N');
      return false;
    }
    socket.write(message('R', int32(0)));
    for (const [name, value] of [
      ['client_encoding', 'UTF8'],
      ['server_version', '18.0'],
      ['standard_conforming_strings', 'on'],
    ] as const) {
      socket.write(parameter(name, value));
    }
    // A process id that is its own, to pass cancellations on.
    socket.write(message('K', int32(1_000_000 + clients.length), int32(1)));
    socket.write(message('Z', Buffer.from('I')));
    return true;
  };

  const server = createServer((socket) => {
    const front: Front = {
      id: ++frontsCount,
      statements: new Map(),
      socket,
      back: null,
      waiting: [],
      isAcquiring: false,
      outstanding: 0,
      isMidway: false,
      isInTransaction: false,
    };
    let isStarted = false;
    const parse = messages(
      () => isStarted,
      (_type, bytes) => {
        if (!isStarted) return void (isStarted = begin(socket, bytes));
        // Its session has ended. Another one must not run the rest of its transaction.
        if (socket.writableEnded) return;
        if (front.back !== null) return forward(front, bytes);
        if (bytes[0] === 'X'.charCodeAt(0)) return void socket.end();
        front.waiting.push(bytes);
        if (!front.isAcquiring) void acquire(front);
      },
    );
    socket.on('data', parse);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      const { back } = front;
      if (back === null) return;
      if (isAtRest(front)) release(front);
      else back.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): Promise<void> => {
    isClosed = true;
    server.close();
    for (const client of clients) streamOf(client).destroy();
    return Promise.resolve();
  };
  onTestFinished(close);
  const own = new URL(url);
  own.hostname = '127.0.0.1';
  own.port = String((server.address() as AddressInfo).port);
  return {
    url: own.href,
    get sessions() {
      return clients.length - lost;
    },
    close,
  };
}

/** The driver authenticates; then only its socket is used. */
function streamOf(client: pg.Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}
