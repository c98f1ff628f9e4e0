/** Lines of an answer, sent when they come. Lines of one turn of the event loop are one chunk. */
import { Readable } from 'node:stream';

export class AnswerStream extends Readable {
  #pending = '';
  #isFlushing = false;
  #isFull = false;
  #drained: (() => void)[] = [];

  /** @param bytesMax Most bytes kept for a reader that does not read. */
  constructor(bytesMax: number) {
    super({ highWaterMark: bytesMax });
    this.once('close', () => this.#resume());
  }

  add(line: string): void {
    this.#pending += `${line}\n`;
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => this.#flush());
  }

  end(): void {
    this.#flush();
    if (!this.destroyed) this.push(null);
  }

  /** Resolves when the reader has caught up, or is gone. False: it has taken nothing for this long. */
  async roomy(timeoutMs: number): Promise<boolean> {
    if (!this.#isFull || this.destroyed) return true;
    return new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs, false);
      this.#drained.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  override _read(): void {
    this.#resume();
  }

  #flush(): void {
    this.#isFlushing = false;
    if (this.#pending === '' || this.destroyed) return;
    const lines = this.#pending;
    this.#pending = '';
    this.#isFull = !this.push(lines, 'utf8');
  }

  #resume(): void {
    this.#isFull = false;
    for (const resolve of this.#drained.splice(0)) resolve();
  }
}
