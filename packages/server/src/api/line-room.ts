/** Room for the large lines of one bulk request: a line counts while it arrives, and until it is answered. */
import { SluiceError } from 'sluice/internal/protocol';
import { ByteShare, smallBodyBytes, type ByteBudget } from './byte-budget.ts';

/** A line that has arrived. */
export interface LinePlace {
  /** Gives back its room. */
  leave: () => void;
  /** Why it was refused; null: it has room. */
  refusal: unknown;
}

export class LineRoom {
  readonly #budget: ByteBudget;
  /** Of the line that arrives, once it is large. */
  #share: ByteShare | null = null;
  #refusal: unknown = null;
  /** Large lines that arrived and have room. */
  #placed = 0;
  /**
   * A line found no room in time while other lines of this request had room. The others may wait for a line that comes
   * later, so until one of them leaves, no line waits for room.
   */
  #isFull = false;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  /** Whether the arriving line may have so many bytes; 0: it is dropped. */
  readonly admit = (bytes: number): true | Promise<boolean> => {
    if (bytes === 0) this.close();
    return bytes <= smallBodyBytes || this.#wait(bytes);
  };

  /** The place of a line of so many bytes, which the caller must leave. */
  async finish(bytes: number): Promise<LinePlace> {
    if (this.#refusal === null && bytes > smallBodyBytes) await this.#wait(bytes);
    const [share, refusal] = [this.#share, this.#refusal];
    this.#share = this.#refusal = null;
    if (share === null) return { leave: () => undefined, refusal };
    this.#placed += 1;
    const leave = (): void => {
      share.close();
      this.#placed -= 1;
      this.#isFull = false;
    };
    return { leave, refusal };
  }

  async #wait(bytes: number): Promise<boolean> {
    const share = (this.#share ??= new ByteShare(this.#budget));
    try {
      const more = bytes - share.bytes;
      if (this.#isFull && more > 0 && !this.#budget.hasRoom(more))
        throw new SluiceError('overloaded', undefined, { retryAfterSeconds: 1 });
      await share.admit(bytes);
      return true;
    } catch (error) {
      this.close();
      this.#refusal = error;
      this.#isFull = this.#placed > 0;
      return false;
    }
  }

  /** Gives back the room of the arriving line, and ends its wait. */
  close(): void {
    this.#share?.close();
    this.#share = null;
  }
}
