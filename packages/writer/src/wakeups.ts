/** When a session that leads lanes looks at the intake, and around: as hints say, and at each beat; else it rests. */

/** Drains in a row that found nothing, after which hints wake nobody until the next beat: somebody floods the channel. */
const emptyDrainsMax = 10;
/** Beats that are due before their time, in a row. */
const earlyBeatsMax = 3;

export class Wakeups {
  #rouse: () => void = () => undefined;
  #isHinted = false;
  #emptyDrains = 0;
  #nextBeat = 0;
  /** Lanes may be free. */
  #isBeatDue = false;
  #earlyBeats = 0;

  /** There may be something ready. */
  get isHinted(): boolean {
    return this.#isHinted;
  }

  /** Look at the intake now, says a notification. */
  hint(): void {
    if (this.#emptyDrains < emptyDrainsMax) this.lookAgain();
  }

  lookAgain(): void {
    this.#isHinted = true;
    this.#rouse();
  }

  /** A look at the intake begins, for all hints so far. */
  takeHints(): void {
    this.#isHinted = false;
  }

  noteDrain(isEmpty: boolean): void {
    this.#emptyDrains = isEmpty ? this.#emptyDrains + 1 : 0;
  }

  /** Lanes may be free: look around now. */
  beatNow(): void {
    if (this.#earlyBeats >= earlyBeatsMax) return;
    this.#isBeatDue = true;
    this.#rouse();
  }

  /** True: it is time for a beat, which begins. */
  takeBeat(): boolean {
    const isOnTime = performance.now() >= this.#nextBeat;
    if (!isOnTime && !this.#isBeatDue) return false;
    this.#earlyBeats = isOnTime ? 0 : this.#earlyBeats + 1;
    this.#isBeatDue = false;
    return true;
  }

  /** @param milliseconds from now. 0: at once */
  nextBeatIn(milliseconds: number): void {
    this.#nextBeat = performance.now() + milliseconds;
  }

  /** Until a hint, the next beat, or the time is over. */
  async restUntilBeat(milliseconds: number): Promise<void> {
    if (!this.#isBeatDue) await this.rest(Math.min(milliseconds, this.#nextBeat - performance.now()));
  }

  /** Until it is roused, or the time is over. */
  async rest(milliseconds: number): Promise<void> {
    if (milliseconds <= 0) return;
    // Not by an AbortSignal: each would cost a batch of one a twentieth of a millisecond, for an error that nobody sees.
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#rouse = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#rouse = () => undefined;
  }

  rouse(): void {
    this.#rouse();
  }
}
