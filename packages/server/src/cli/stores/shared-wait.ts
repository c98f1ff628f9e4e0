/**
 * Requests that wait for the same work. A wait ends when its client leaves, and then nothing of it remains, because
 * clients could leave and come again many times while the work goes on.
 */
import { SluiceError } from 'sluice/internal/protocol';

/** The response to a client, which closes when the client leaves. */
export interface Client {
  readonly closed: boolean;
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

export class ClientLeft extends Error {}

/** More are refused, so that one store does not fill the node's memory. */
const waitingMax = 1000;

export class SharedWait<T> {
  readonly work: Promise<T>;
  readonly #waiting = new Set<() => void>();

  constructor(work: Promise<T>) {
    this.work = work;
    const endAll = (): void => this.#waiting.forEach((end) => end());
    work.then(endAll, endAll);
  }

  /**
   * The result of the work.
   * @throws {SluiceError} `overloaded` if too many wait
   * @throws {ClientLeft}
   */
  async join(client?: Client): Promise<T> {
    if (client?.closed === true) throw new ClientLeft();
    if (this.#waiting.size >= waitingMax)
      throw new SluiceError('overloaded', undefined, { retryAfterSeconds: 1 });
    await new Promise<void>((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(end);
        client?.off('close', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(end);
        reject(new ClientLeft());
      };
      this.#waiting.add(end);
      client?.once('close', leave);
    });
    return this.work;
  }
}
