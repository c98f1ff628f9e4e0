/**
 * Limits the bytes that a node holds for all requests together: documents that it reads, or bodies that arrive. A
 * request without room waits in order, and is refused after a while.
 */
import { SluiceError } from 'sluice/internal/protocol';
import type { ServerResponse } from 'node:http';

export interface ByteBudgetOptions {
  bytesMax: number;
  /** Longest wait of a request for room, in milliseconds. @default 10000 */
  waitMs?: number;
}

/** Smaller bodies are not counted, because their number is limited. */
export const smallBodyBytes = 65_536;

interface Waiting {
  bytes: number;
  enter: () => void;
}

export class ByteBudget {
  readonly #bytesMax: number;
  readonly #waitMs: number;
  #held = 0;
  readonly #waiting: Waiting[] = [];

  constructor({ bytesMax, waitMs = 10_000 }: ByteBudgetOptions) {
    this.#bytesMax = bytesMax;
    this.#waitMs = waitMs;
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#held;
  }

  /**
   * The share of one request, until its answer has been sent or its client is gone.
   * @throws {SluiceError} `overloaded` if nothing was freed in time
   */
  async open(response: ServerResponse): Promise<ByteShare> {
    const share = new ByteShare(this);
    response.once('close', () => share.close());
    if (this.#held >= this.#bytesMax) await this.take(0);
    return share;
  }

  /** Waits for room. A request that wants more than the whole budget gets it when no other request has any. */
  async take(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(bytes)) this.#held += bytes;
    else await this.#wait(bytes);
  }

  /** Negative bytes: more is held than requested, without a wait. */
  free(bytes: number): void {
    this.#held -= bytes;
    for (
      let [first] = this.#waiting;
      first !== undefined && this.#fits(first.bytes);
      [first] = this.#waiting
    ) {
      this.#waiting.shift();
      this.#held += first.bytes;
      first.enter();
    }
  }

  #fits(bytes: number): boolean {
    return this.#held === 0 || (this.#held < this.#bytesMax && this.#held + bytes <= this.#bytesMax);
  }

  /** Resolves when {@link free} has counted it as held. */
  #wait(bytes: number): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(new SluiceError('overloaded', undefined, { retryAfterSeconds: 1 }));
      }, this.#waitMs);
      const enter = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const waiting = { bytes, enter };
      this.#waiting.push(waiting);
    });
  }
}

export class ByteShare {
  readonly #budget: ByteBudget;
  #bytes = 0;
  #isClosed = false;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  /** The client has read the answer, or has left. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Waits until this request may hold so many bytes in all. @throws {SluiceError} `overloaded` */
  readonly admit = async (bytes: number): Promise<void> => {
    const more = bytes - this.#bytes;
    if (more <= 0 || this.#isClosed) return;
    await this.#budget.take(more);
    this.#bytes += more;
    if (this.#isClosed) this.#release();
  };

  /** Sets the bytes that the request holds. */
  hold(bytes: number): void {
    if (this.#isClosed) return;
    this.#budget.free(this.#bytes - bytes);
    this.#bytes = bytes;
  }

  close(): void {
    this.#isClosed = true;
    this.#release();
  }

  #release(): void {
    this.#budget.free(this.#bytes);
    this.#bytes = 0;
  }
}
