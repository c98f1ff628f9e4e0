/**
 * Bounds the answer to one statement, and keeps whatever the driver throws while it reads one from ending the process.
 * The driver reads in the socket's `data` handler, where no code catches an error: here it costs the connection,
 * and the statements that were awaited on it fail.
 */
import type { Duplex } from 'node:stream';

/**
 * Bytes that the server may send in answer to one statement. Every read of ours asks for far less; a string of
 * JavaScript ends at 512 MiB.
 */
export const answerBytesMax: number = 384 * 1024 * 1024;

/** What is used of the driver's connection, which its types leave out. */
export interface GuardedConnection {
  attachListeners(stream: Pick<Duplex, 'on'>): void;
  on(event: 'readyForQuery', listener: () => void): unknown;
}

/** An answer that could not be read. Its message holds nothing of the answer. */
export class UnreadableAnswer extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'UnreadableAnswer';
  }
}

/** To be called before the connection connects. */
export function guardAnswers(connection: GuardedConnection, bytesMax: number = answerBytesMax): void {
  const attach = connection.attachListeners.bind(connection);
  let received = 0;
  connection.on('readyForQuery', () => (received = 0));
  // With TLS the stream that is read is another than the one that was made: the driver names it here.
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
