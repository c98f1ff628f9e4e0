// A TCP proxy that does what networks do: pass, delay, cut with a reset, or go silent while both ends still believe in the
// connection. It reads PostgreSQL's messages: it counts statements, and can lose a COMMIT, the answer to one, or notifications.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { messages } from './messages.ts';

/** One connection through the proxy. */
interface Link {
  front: Socket;
  back: Socket;
  /** Nothing passes any more, and neither end is told. */
  isSilent: boolean;
}

export interface TcpProxy {
  /** The URL of the database through the proxy. */
  url: string;
  /** Those that are not silent. */
  readonly connections: number;
  /** Resets every connection that is open; new ones pass. */
  cut(): void;
  /** Everything that is open now goes silent for good, in both directions, without a close; new ones pass. */
  blackhole(): void;
  /** From now on connections are refused, or accepted again. */
  refuse(isRefusing: boolean): void;
  /** Connections that were refused so far. */
  readonly refused: number;
  /** From now on everything takes so much longer, in each direction. */
  delay(milliseconds: number): void;
  /** The next COMMIT does not reach the server (`request`), or its answer is lost (`answer`); then its connection is reset. */
  loseCommit(what: 'request' | 'answer', onLost: () => void): void;
  /** From now on new connections go silent at their first statement, or pass again. */
  silence(isSilencing: boolean): void;
  /** From now on notifications are swallowed, and nothing else, or pass again. */
  swallowNotifications(isSwallowing: boolean): void;
  /** Statements that clients have sent so far: simple queries and executions. */
  readonly statements: number;
  close(): void;
}

/** A simple query that says nothing but COMMIT. */
const commit = Buffer.from([0x51, 0, 0, 0, 11, ...Buffer.from('commit\0')]);

/** Starts a proxy in front of the server of `url`. */
export async function openTcpProxy(url: string): Promise<TcpProxy> {
  const target = new URL(url);
  const links = new Set<Link>();
  let isRefusing = false;
  let refused = 0;
  let delayMs = 0;
  let isSilencing = false;
  let isSwallowing = false;
  let statements = 0;
  let losing: { what: 'request' | 'answer'; onLost: () => void } | null = null;

  const pass = (to: Socket, chunk: Buffer): void => {
    if (delayMs === 0) to.write(chunk);
    else setTimeout(() => to.writable && to.write(chunk), delayMs);
  };
  const reset = ({ front, back }: Link): void => {
    front.resetAndDestroy();
    back.resetAndDestroy();
  };
  /** True: the chunk held the COMMIT that was to be lost, and has been dealt with. */
  const lose = (link: Link, chunk: Buffer): boolean => {
    const at = losing === null ? -1 : chunk.indexOf(commit);
    if (losing === null || at === -1) return false;
    const { what, onLost } = losing;
    losing = null;
    if (what === 'request') {
      link.back.write(chunk.subarray(0, at), () => reset(link));
      onLost();
      return true;
    }
    link.back.write(chunk);
    link.back.removeAllListeners('data');
    // Answers to what stood before it may come first: reset once the server has had the time to commit.
    link.back.once('data', () => {
      setTimeout(() => {
        reset(link);
        onLost();
      }, 20);
    });
    return true;
  };

  const countStatements = (link: Link): ((chunk: Buffer) => void) => {
    let isStarted = false;
    return messages(
      () => isStarted,
      (type) => {
        isStarted = true;
        if (type !== 'Q' && type !== 'E') return;
        if (isSilencing && type === 'Q') link.isSilent = true;
        statements += 1;
      },
    );
  };
  const withoutNotifications = (): ((chunk: Buffer) => Buffer) => {
    const passed: Buffer[] = [];
    const read = messages(
      () => true,
      (type, bytes) => {
        if (type !== 'A' || !isSwallowing) passed.push(bytes);
      },
    );
    return (chunk) => {
      read(chunk);
      return Buffer.concat(passed.splice(0));
    };
  };

  // What either end has sent goes on at once: kept back for the answer to what went before, it would take 40 ms.
  const server = createServer({ noDelay: true }, (front) => {
    if (isRefusing) {
      refused += 1;
      front.resetAndDestroy();
      return;
    }
    const back = connect({ port: Number(target.port || 5432), host: target.hostname, noDelay: true });
    const link: Link = { front, back, isSilent: false };
    links.add(link);
    const count = countStatements(link);
    front.on('data', (chunk: Buffer) => {
      count(chunk);
      if (!link.isSilent && !lose(link, chunk)) pass(back, chunk);
    });
    const filtered = withoutNotifications();
    back.on('data', (chunk: Buffer) => {
      if (!link.isSilent) pass(front, filtered(chunk));
    });
    for (const [from, to] of [
      [front, back],
      [back, front],
    ] as const) {
      from.on('error', () => undefined);
      from.on('close', () => {
        if (link.isSilent) return;
        to.destroy();
        links.delete(link);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const own = new URL(url);
  own.hostname = '127.0.0.1';
  own.port = String((server.address() as AddressInfo).port);
  return {
    url: own.href,
    get connections() {
      return [...links].filter(({ isSilent }) => !isSilent).length;
    },
    cut() {
      for (const link of links) reset(link);
      links.clear();
    },
    blackhole() {
      for (const link of links) link.isSilent = true;
    },
    refuse(refusing) {
      isRefusing = refusing;
    },
    get refused() {
      return refused;
    },
    delay(milliseconds) {
      delayMs = milliseconds;
    },
    loseCommit(what, onLost) {
      losing = { what, onLost };
    },
    silence(silencing) {
      isSilencing = silencing;
    },
    swallowNotifications(swallowing) {
      isSwallowing = swallowing;
    },
    get statements() {
      return statements;
    },
    close() {
      server.close();
      for (const { front, back } of links) {
        front.destroy();
        back.destroy();
      }
    },
  };
}
