/**
 * Remembers, for a session, that a batch has waited for a lock in vain. For a while the batches that follow look for every
 * locked row before they need it, which costs them a little, in place of waiting for the next one in vain.
 */

const cautionMs = 3000;

export class Caution {
  #until = 0;

  note(): void {
    this.#until = performance.now() + cautionMs;
  }

  get isOn(): boolean {
    return performance.now() < this.#until;
  }
}
