// A TCP proxy between the product and PostgreSQL for the length of a test, that counts statements and may fall silent at
// one.

import { onTestFinished } from 'vitest';
import { openTcpProxy, type Link, type TcpProxy } from './tcp-proxy.ts';

export interface Proxy extends TcpProxy {
  /** From now on new connections go silent once they are made, or pass again. */
  silence(isSilencing: boolean): void;
  /** From now on notifications are swallowed, and nothing else, or pass again. */
  swallowNotifications(isSwallowing: boolean): void;
  /** Statements that clients have sent so far: simple queries and executions. */
  readonly statements: number;
}

/** Starts a proxy in front of the server of `url`, for the length of the test. */
export async function startProxy(url: string): Promise<Proxy> {
  let isSilencing = false;
  let statements = 0;
  let isSwallowing = false;
  const proxy = await openTcpProxy(url, {
    watch: (link: Link) =>
      countStatements((type) => {
        if (isSilencing && type === 'Q') link.isSilent = true;
        statements += 1;
      }),
    filter: () => withoutNotifications(() => isSwallowing),
  });
  onTestFinished(() => proxy.close());
  return Object.defineProperties(proxy as Proxy, {
    silence: { value: (silencing: boolean) => void (isSilencing = silencing) },
    swallowNotifications: { value: (swallowing: boolean) => void (isSwallowing = swallowing) },
    statements: { get: () => statements },
  });
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

/** Reads the messages of a server, a type and a length each, and leaves out its notifications. */
function withoutNotifications(isSwallowing: () => boolean): (chunk: Buffer) => Buffer {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const passed: Buffer[] = [];
    while (rest.length >= 5) {
      const length = 1 + rest.readUInt32BE(1);
      if (rest.length < length) break;
      if (rest[0] !== 'A'.charCodeAt(0) || !isSwallowing()) passed.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    return Buffer.concat(passed);
  };
}
