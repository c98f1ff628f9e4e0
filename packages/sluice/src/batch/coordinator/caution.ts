/**
 * Remembers, for a session, that a batch has waited for a lock in vain. For some time, later batches find locked rows
 * before they need them. That costs a little, but saves another wait in vain.
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
