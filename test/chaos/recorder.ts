// What the clients asked and heard, written down as it happens, and how much was acknowledged when.

import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import type { HistoryEvent, Invoke } from './history.ts';

/** Acknowledgements are counted in slices of time. */
const sliceMs = 100;

/** How much was acknowledged when. */
export class AckRate {
  readonly #slices: number[] = [];

  /** True: it is an acknowledgement. */
  note(event: Exclude<HistoryEvent, Invoke>): boolean {
    const isAck = event.type === 'accepted' || (event.type === 'ok' && event.result !== 'read');
    if (!isAck) return false;
    const slice = Math.floor(event.t / sliceMs);
    this.#slices[slice] = (this.#slices[slice] ?? 0) + 1;
    return true;
  }

  /** Acknowledgements a second between two moments of `performance.now()`. */
  rate(from: number, to: number): number {
    const [first, end] = [Math.ceil(from / sliceMs), Math.floor(to / sliceMs)];
    let count = 0;
    for (let slice = first; slice < end; slice++) count += this.#slices[slice] ?? 0;
    return count / (((end - first) * sliceMs) / 1000);
  }
}

export class Recorder {
  readonly #file: WriteStream;
  readonly #rate = new AckRate();
  #operations = 0;
  /** Acknowledged writes so far. */
  acked = 0;

  constructor(file: string) {
    this.#file = createWriteStream(file);
  }

  /** @returns The number of the operation. */
  invoke(invoke: Omit<Invoke, 'type' | 'i' | 't'>): number {
    const i = this.#operations++;
    this.#write({ type: 'invoke', i, t: performance.now(), ...invoke });
    return i;
  }

  hear(event: Exclude<HistoryEvent, Invoke>): void {
    this.#write(event);
    if (this.#rate.note(event)) this.acked += 1;
  }

  /** See {@link AckRate.rate}. */
  rate(from: number, to: number): number {
    return this.#rate.rate(from, to);
  }

  async end(): Promise<void> {
    this.#file.end();
    await once(this.#file, 'close');
  }

  #write(event: HistoryEvent): void {
    this.#file.write(`${JSON.stringify(event)}\n`);
  }
}
