/** Bounds the writes of one bulk request that are under way. */
export class WriteWindow {
  readonly #writesMax: number;
  readonly #stretchedMax: number;
  #size: number;
  #underWay = 0;
  #waiting: (() => void) | null = null;
  #stretch: NodeJS.Timeout | null = null;

  /**
   * @param stretchedMax Where it is more than `writesMax`, the window grows by `writesMax` whenever it has been full for
   * 100 ms and nothing was settled: then its writes may be waiting for those behind it.
   */
  constructor(writesMax: number, stretchedMax: number = writesMax) {
    this.#writesMax = writesMax;
    this.#stretchedMax = stretchedMax;
    this.#size = writesMax;
  }

  /** Resolves once there is room for one more. */
  async enter(): Promise<void> {
    while (this.#underWay >= this.#size) {
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
  }

  leave(): void {
    this.#underWay--;
    this.#wake();
  }

  /** Resolves once nothing is under way. */
  async emptied(): Promise<void> {
    while (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  #wake(): void {
    if (this.#stretch !== null) clearTimeout(this.#stretch);
    this.#stretch = null;
    const resolve = this.#waiting;
    this.#waiting = null;
    resolve?.();
  }
}
