/** The keys of each open object of a JSON text, to find one that occurs twice. */
import { decodedKey, hashOfKey } from './json-tokens.ts';

/** Up to this many keys of one object are compared with one another; more are kept in a set. */
const COMPARED_KEYS = 32;
/** Of a key: its hash, and where it begins and ends. */
const SPAN = 3;

export class JsonKeys {
  readonly #counts: Int32Array;
  /** COMPARED_KEYS spans for each depth. */
  readonly #spans: Int32Array;
  readonly #sets: (Set<string> | null)[];

  constructor(depths: number) {
    this.#counts = new Int32Array(depths);
    this.#spans = new Int32Array(depths * COMPARED_KEYS * SPAN);
    this.#sets = Array.from({ length: depths }, () => null);
  }

  /** A new object begins at this depth. */
  clear(depth: number): void {
    this.#counts[depth] = 0;
    this.#sets[depth] = null;
  }

  /** Whether the object at this depth has the key already; keeps it. */
  isRepeated(text: Buffer, depth: number, from: number, to: number): boolean {
    const spans = this.#spans;
    const keyAt = (at: number): string => decodedKey(text, spans[at + 1]!, spans[at + 2]!);
    const base = depth * COMPARED_KEYS * SPAN;
    const count = this.#counts[depth]!++;
    if (count >= COMPARED_KEYS) {
      const set = (this.#sets[depth] ??= new Set(
        Array.from({ length: COMPARED_KEYS }, (_, index) => keyAt(base + index * SPAN)),
      ));
      return set.size === set.add(decodedKey(text, from, to)).size;
    }
    const hash = hashOfKey(text, from, to);
    const end = base + count * SPAN;
    for (let at = base; at < end; at += SPAN) {
      if (spans[at] === hash && keyAt(at) === decodedKey(text, from, to)) return true;
    }
    spans[end] = hash;
    spans[end + 1] = from;
    spans[end + 2] = to;
    return false;
  }
}
