/** One line on a terminal that is overwritten; in a pipe, nothing. */

const intervalMs = 150;

export class ProgressLine {
  readonly #stream = process.stderr;
  #shownAt = 0;

  /** Shows the result of `compose`, unless the last one was shown a moment ago. */
  show(compose: () => string): void {
    const now = performance.now();
    if (!this.#stream.isTTY || now - this.#shownAt < intervalMs) return;
    this.#shownAt = now;
    this.#stream.write(`\r\u001B[2K${compose().slice(0, (this.#stream.columns || 80) - 1)}`);
  }

  clear(): void {
    if (this.#stream.isTTY && this.#shownAt > 0) this.#stream.write('\r\u001B[2K');
    this.#shownAt = 0;
  }
}
