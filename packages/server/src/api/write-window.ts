/** Limits the writes of one bulk request that are under way, by their number and by the bytes of their lines. */
export class WriteWindow {
  readonly #writesMax: number;
  readonly #stretchedMax: number;
  readonly #bytesMax: number;
  #size: number;
  #underWay = 0;
  #bytes = 0;
  #waiting: (() => void) | null = null;
  #stretch: NodeJS.Timeout | null = null;

  /**
   * @param stretchedMax If it is more than `writesMax`, the window grows by `writesMax` whenever it was full for 100
   *   ms and nothing was settled, because its writes may wait for later lines.
   * @param bytesMax Most bytes of `writesMax` writes; it grows with the window. One line may have more.
   */
  constructor(writesMax: number, stretchedMax: number = writesMax, bytesMax: number = Infinity) {
    this.#writesMax = writesMax;
    this.#stretchedMax = stretchedMax;
    this.#size = writesMax;
    this.#bytesMax = bytesMax;
  }

  /** Resolves when there is room for one more. */
  async enter(bytes = 0): Promise<void> {
    while (this.#isFull(bytes)) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
        if (this.#size < this.#stretchedMax) {
          this.#stretch = setTimeout(() => {
            this.#size = Math.min(this.#size + this.#writesMax, this.#stretchedMax);
            this.#wake();
          }, 100);
        }
      });
    }
    this.#underWay++;
    this.#bytes += bytes;
  }

  leave(bytes = 0): void {
    this.#underWay--;
    this.#bytes -= bytes;
    this.#wake();
  }

  /** Resolves when nothing is under way. */
  async emptied(): Promise<void> {
    while (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  #isFull(bytes: number): boolean {
    const bytesMax = this.#bytesMax * (this.#size / this.#writesMax);
    return this.#underWay >= this.#size || (this.#underWay > 0 && this.#bytes + bytes > bytesMax);
  }

  #wake(): void {
    if (this.#stretch !== null) clearTimeout(this.#stretch);
    this.#stretch = null;
    const resolve = this.#waiting;
    this.#waiting = null;
    resolve?.();
  }
}
