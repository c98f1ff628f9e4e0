/**
 * Limits the answer to one statement, and catches errors of the driver while it reads an answer. The driver reads in
 * the socket's `data` handler, where an uncaught error would end the process. Here the error ends the connection, and
 * fails the statements that are awaited on it.
 */
import type { Duplex } from 'node:stream';

/** Most bytes of the answer to one statement. Every read of Sluice asks for far less; a string of JavaScript ends at 512 MiB. */
export const answerBytesMax: number = 384 * 1024 * 1024;

/** The used parts of the driver's connection, which its types leave out. */
export interface GuardedConnection {
  attachListeners(stream: Pick<Duplex, 'on'>): void;
  on(event: 'readyForQuery', listener: () => void): unknown;
}

/** An unreadable answer. The message has nothing of the answer. */
export class UnreadableAnswer extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'UnreadableAnswer';
  }
}

/** Call it before the connection connects. */
export function guardAnswers(connection: GuardedConnection, bytesMax: number = answerBytesMax): void {
  const attach = connection.attachListeners.bind(connection);
  let received = 0;
  connection.on('readyForQuery', () => (received = 0));
  // With TLS, another stream than the original one is read; the driver passes it here.
  connection.attachListeners = (stream) => {
    const guarded = {
      on(event: string, listener: (chunk: Buffer) => void) {
        if (event !== 'data') return stream.on(event, listener);
        return stream.on('data', (chunk: Buffer) => {
          try {
            received += chunk.length;
            if (received > bytesMax) throw new UnreadableAnswer(`an answer is larger than ${bytesMax} bytes`);
            listener(chunk);
          } catch (error) {
            (stream as Duplex).destroy(asUnreadable(error));
          }
        });
      },
    };
    attach(guarded as unknown as Pick<Duplex, 'on'>);
  };
}

function asUnreadable(error: unknown): UnreadableAnswer {
  if (error instanceof UnreadableAnswer) return error;
  const { code, name = 'Error' } = error as { code?: unknown; name?: string };
  return new UnreadableAnswer(`an answer cannot be read: ${typeof code === 'string' ? code : name}`);
}
