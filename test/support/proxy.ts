// A TCP proxy between the product and PostgreSQL that can do what networks do: pass, cut with a reset, or go silent
// while both ends still believe in the connection.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Proxy {
  /** The URL of the database through the proxy. */
  url: string;
  /** Connections that are open now. */
  readonly connections: number;
  /** Resets every connection that is open; new ones pass. */
  cut(): void;
  /** Everything that is open now goes silent for good, in both directions, without a close; new ones pass. */
  blackhole(): void;
  /** From now on connections are refused, or accepted again. */
  refuse(isRefusing: boolean): void;
  /** Connections that were refused so far. */
  readonly refused: number;
  /** From now on new connections go silent once they are made, or pass again. */
  silence(isSilencing: boolean): void;
  /** Statements that clients have sent so far: simple queries and executions. */
  readonly statements: number;
}

/** Starts a proxy in front of the server of `url`, for the length of the test. */
export async function startProxy(url: string): Promise<Proxy> {
  const target = new URL(url);
  const pairs = new Set<{ front: Socket; back: Socket; isSilent: boolean }>();
  let isRefusing = false;
  let isSilencing = false;
  let refused = 0;
  let statements = 0;
  const server = createServer((front) => {
    if (isRefusing) {
      refused += 1;
      front.resetAndDestroy();
      return;
    }
    const back = connect(Number(target.port || 5432), target.hostname);
    const pair = { front, back, isSilent: false };
    pairs.add(pair);
    const count = countStatements((type) => {
      if (isSilencing && type === 'Q') pair.isSilent = true;
      statements += 1;
    });
    front.on('data', count);
    for (const [from, to] of [
      [front, back],
      [back, front],
    ] as const) {
      from.on('data', (chunk) => {
        if (!pair.isSilent) to.write(chunk);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        if (pair.isSilent) return;
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const { front, back } of pairs) {
      front.destroy();
      back.destroy();
    }
  });
  const own = new URL(url);
  own.hostname = '127.0.0.1';
  own.port = String((server.address() as AddressInfo).port);
  return {
    url: own.href,
    get connections() {
      return [...pairs].filter(({ isSilent }) => !isSilent).length;
    },
    cut() {
      for (const { front, back } of pairs) {
        front.resetAndDestroy();
        back.resetAndDestroy();
      }
      pairs.clear();
    },
    blackhole() {
      for (const pair of pairs) pair.isSilent = true;
    },
    refuse(refusing) {
      isRefusing = refusing;
    },
    get refused() {
      return refused;
    },
    silence(silencing) {
      isSilencing = silencing;
    },
    get statements() {
      return statements;
    },
  };
}

/** Reads the messages of a client: a length after the first that has no type, then a type and a length each. */
function countStatements(onStatement: (type: 'Q' | 'E') => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let isStarted = false;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const typeBytes = isStarted ? 1 : 0;
      if (rest.length < typeBytes + 4) return;
      const length = typeBytes + rest.readUInt32BE(typeBytes);
      if (rest.length < length) return;
      const type = String.fromCharCode(rest[0]!);
      if (isStarted && (type === 'Q' || type === 'E')) onStatement(type);
      isStarted = true;
      rest = rest.subarray(length);
    }
  };
}
