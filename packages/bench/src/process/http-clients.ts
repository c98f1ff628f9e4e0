/**
 * HTTP clients with little CPU time, so that the nodes are measured and not the clients: one kept connection each,
 * one request at a time, and of an answer they read only status and length.
 */
import { connect, type Socket } from 'node:net';
import type { Contender } from '../contenders/contender.ts';
import type { BenchDocument } from '../workload/bench-model.ts';

export class HttpClients implements Contender {
  readonly #nodeUrls: readonly URL[];
  readonly #idle: KeptConnection[] = [];
  #opened = 0;

  readonly #path: string;

  /** @param path Prefix of the name of an endpoint or a table. */
  constructor(nodeUrls: readonly string[], path = '/data/') {
    this.#path = path;
    this.#nodeUrls = nodeUrls.map((url) => new URL(url));
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  async submit({ endpoint, body, idempotencyKey, isDuplicate = false }: BenchDocument): Promise<void> {
    const connection = this.#idle.pop() ?? (await this.#open());
    const status = await connection.post(`${this.#path}${endpoint}`, body, idempotencyKey);
    this.#idle.push(connection);
    if (isDuplicate ? status !== 409 : status !== 200 && status !== 201) {
      throw new Error(`Cannot store a document of ${endpoint}: status ${status}`);
    }
  }

  async #open(): Promise<KeptConnection> {
    const url = this.#nodeUrls[this.#opened++ % this.#nodeUrls.length];
    if (url === undefined) throw new Error('Cannot connect: there is no node');
    return KeptConnection.open(url);
  }

  stop(): Promise<void> {
    for (const connection of this.#idle) connection.close();
    return Promise.resolve();
  }
}

class KeptConnection {
  readonly #socket: Socket;
  readonly #host: string;
  #received = '';
  #resolve: (status: number) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => this.#reject(error));
    socket.on('close', () => this.#reject(new Error('Cannot read an answer: the connection has ended')));
  }

  static open(url: URL): Promise<KeptConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new KeptConnection(socket, url.host));
      });
    });
  }

  post(path: string, body: string, idempotencyKey?: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      const key = idempotencyKey === undefined ? '' : `idempotency-key: ${idempotencyKey}\r\n`;
      this.#socket.write(
        `POST ${path} HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-type: application/json\r\n` +
          `${key}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
  }

  #receive(text: string): void {
    this.#received += text;
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.#received.slice(0, headEnd);
    const status = Number(head.slice(9, 12));
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#received.length < headEnd + 4 + length) return;
    this.#received = this.#received.slice(headEnd + 4 + length);
    this.#resolve(status);
  }

  close(): void {
    this.#socket.removeAllListeners('close');
    this.#socket.destroy();
  }
}
