/** Room for the large lines of one bulk request: a line counts while it arrives, and until it is answered. */
import { ByteShare, smallBodyBytes, type ByteBudget } from './byte-budget.ts';

/** A line that has arrived. */
export interface LinePlace {
  /** Null: the line is small, or was refused. */
  share: ByteShare | null;
  /** Why it was refused; null: it has room. */
  refusal: unknown;
}

export class LineRoom {
  readonly #budget: ByteBudget;
  /** Of the line that arrives, once it is large. */
  #share: ByteShare | null = null;
  #refusal: unknown = null;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  /** Whether the arriving line may have so many bytes; 0: it is dropped. */
  readonly admit = (bytes: number): true | Promise<boolean> => {
    if (bytes === 0) this.close();
    return bytes <= smallBodyBytes || this.#wait(bytes);
  };

  /** The place of a line of so many bytes, which is then the caller's to close. */
  async finish(bytes: number): Promise<LinePlace> {
    if (this.#refusal === null && bytes > smallBodyBytes) await this.#wait(bytes);
    const place = { share: this.#share, refusal: this.#refusal };
    this.#share = this.#refusal = null;
    return place;
  }

  async #wait(bytes: number): Promise<boolean> {
    const share = (this.#share ??= new ByteShare(this.#budget));
    try {
      await share.admit(bytes);
      return true;
    } catch (error) {
      this.close();
      this.#refusal = error;
      return false;
    }
  }

  /** Gives back the room of the arriving line, and ends its wait. */
  close(): void {
    this.#share?.close();
    this.#share = null;
  }
}
