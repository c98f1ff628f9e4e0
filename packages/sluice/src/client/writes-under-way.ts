/** The writes that a client has received and not answered: limited in number, and reported to metrics and traces. */
import { traceparentOf } from '#batch';
import { settleWithin, SluiceError, type Result } from '#protocol';
import type { ClientObserver } from './observer.ts';
import { endWriteSpan, failWriteSpan, startWriteSpan, type TracedRequest } from './trace-write.ts';

export class WritesUnderWay {
  readonly #writesMax: number;
  readonly observer: ClientObserver | undefined;
  readonly store: string | undefined;
  #count = 0;
  #isOpen = false;
  #onNone: () => void = () => undefined;

  constructor(writesMax: number, observer: ClientObserver | undefined, store?: string) {
    this.#writesMax = writesMax;
    this.observer = observer;
    this.store = store;
  }

  open(): void {
    this.#isOpen = true;
  }

  /**
   * Counts a request from its first moment, because many may arrive in one.
   * @throws {SluiceError} `stopping` if the client is closing, `overloaded` if too many are under way
   */
  begin(request: TracedRequest): WriteUnderWay {
    const write = new WriteUnderWay(this, request);
    this.#count += 1;
    if (!this.#isOpen) throw write.fail(new SluiceError('stopping'));
    if (this.#count > this.#writesMax)
      throw write.fail(new SluiceError('overloaded', undefined, { retryAfterSeconds: 1 }));
    return write;
  }

  end(): void {
    this.#count -= 1;
    if (this.#count === 0) this.#onNone();
  }

  /** Takes no more writes, and waits for the answers, at most this long. Returns false if some are missing. */
  async close(milliseconds: number): Promise<boolean> {
    this.#isOpen = false;
    if (this.#count === 0) return true;
    return settleWithin([new Promise<void>((resolve) => (this.#onNone = resolve))], milliseconds);
  }
}

export class WriteUnderWay {
  readonly #all: WritesUnderWay;
  readonly #beganAt = performance.now();
  readonly #span: ReturnType<typeof startWriteSpan>;

  constructor(all: WritesUnderWay, request: TracedRequest) {
    this.#all = all;
    this.#span = startWriteSpan(request);
    if (all.store !== undefined) this.#span?.setAttribute('sluice.store', all.store);
  }

  /** Names the span that is the parent of all further spans of the write; null: it is not recorded. */
  get traceparent(): string | null {
    return this.#span === null ? null : traceparentOf(this.#span);
  }

  answer(result: Result | 'accepted'): void {
    this.#all.end();
    this.#all.observer?.answered(result, (performance.now() - this.#beganAt) / 1000);
    if (this.#span !== null) endWriteSpan(this.#span, result);
  }

  /** Returns the error. */
  fail(error: unknown): unknown {
    this.#all.end();
    const code = error instanceof SluiceError ? error.code : 'internal';
    this.#all.observer?.failed(code);
    if (this.#span !== null) failWriteSpan(this.#span, code);
    return error;
  }
}
