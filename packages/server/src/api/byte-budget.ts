/**
 * Limits the bytes that a node holds for all requests together: documents that it reads, or bodies that arrive. A
 * request without room waits in order, and is refused after a while. A request that holds bytes and needs more goes
 * before others, because they may wait for its bytes. If all bytes belong to such requests, one of them may exceed
 * the limit. So requests never wait for each other, and only one at a time holds more than there is.
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
  /** Bytes that the same request holds already. */
  held: number;
  share: ByteShare | undefined;
  enter: () => void;
}

export class ByteBudget {
  readonly #bytesMax: number;
  readonly #waitMs: number;
  #held = 0;
  /** Bytes of the requests that hold some and wait for more. */
  #stalled = 0;
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
   * @throws {SluiceError} `overloaded` if nothing was freed in time; `invalid_request` if the client has left
   */
  async open(response: ServerResponse): Promise<ByteShare> {
    const share = new ByteShare(this);
    if (response.closed) share.close();
    else response.once('close', () => share.close());
    if (!share.isClosed && this.#held >= this.#bytesMax) await this.take(0, share);
    if (share.isClosed) throw clientLeft();
    return share;
  }

  /**
   * Waits for room. A request that wants more than the whole budget gets it when no other request has any.
   * @param share The request. When its client leaves, the wait ends.
   * @returns whether the bytes count as held
   */
  async take(bytes: number, share?: ByteShare): Promise<boolean> {
    if (!this.hasRoom(bytes)) return this.#wait(bytes, share);
    this.#held += bytes;
    return true;
  }

  /** Whether `take` would not wait. */
  hasRoom(bytes: number): boolean {
    return this.#waiting.length === 0 && this.#fits(bytes);
  }

  /** Negative bytes: more is held than requested, without a wait. */
  free(bytes: number): void {
    this.#held -= bytes;
    this.#serve();
  }

  /** Ends the wait of a request whose client has left. */
  leave(share: ByteShare): void {
    const waiting = this.#waiting.find((each) => each.share === share);
    if (waiting === undefined) return;
    this.#remove(waiting);
    waiting.enter();
  }

  #fits(bytes: number): boolean {
    if (this.#held === this.#stalled) return true;
    return this.#held < this.#bytesMax && this.#held + bytes <= this.#bytesMax;
  }

  #serve(): void {
    for (
      let [first] = this.#waiting;
      first !== undefined && this.#fits(first.bytes);
      [first] = this.#waiting
    ) {
      this.#remove(first);
      this.#held += first.bytes;
      first.enter();
    }
  }

  #remove(waiting: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    this.#stalled -= waiting.held;
  }

  /** False: the client left. */
  #wait(bytes: number, share: ByteShare | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#remove(waiting);
        reject(new SluiceError('overloaded', undefined, { retryAfterSeconds: 1 }));
        this.#serve();
      }, this.#waitMs);
      const enter = (): void => {
        clearTimeout(timer);
        resolve(share?.isClosed !== true);
      };
      const waiting = { bytes, held: share?.bytes ?? 0, share, enter };
      if (waiting.held === 0) this.#waiting.push(waiting);
      else this.#waiting.unshift(waiting);
      this.#stalled += waiting.held;
      this.#serve();
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

  /** Bytes that the request holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The client has read the answer, or has left. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Waits until this request may hold so many bytes in all.
   * @throws {SluiceError} `overloaded`; `invalid_request` if the client has left: nothing may be read for it
   */
  readonly admit = async (bytes: number): Promise<void> => {
    const more = bytes - this.#bytes;
    if (this.#isClosed) throw clientLeft();
    if (more <= 0) return;
    if (await this.#budget.take(more, this)) this.#bytes += more;
    if (!this.#isClosed) return;
    this.#release();
    throw clientLeft();
  };

  /** Sets the bytes that the request holds. */
  hold(bytes: number): void {
    if (this.#isClosed) return;
    this.#budget.free(this.#bytes - bytes);
    this.#bytes = bytes;
  }

  close(): void {
    this.#isClosed = true;
    this.#budget.leave(this);
    this.#release();
  }

  #release(): void {
    this.#budget.free(this.#bytes);
    this.#bytes = 0;
  }
}

/** Ends the work for a client, which gets no answer. */
function clientLeft(): SluiceError {
  return new SluiceError('invalid_request', 'The client has left.');
}
