// A fault that somebody could make, planted into a copy of the product.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import type { Edit } from './edits.ts';
import { findPlaces, placesIn, type Place } from './places.ts';

export type Mutant = [name: string, ...faults: Fault[]];

/** Edits of one named place. */
export class Fault {
  readonly #at: string;
  readonly #edits: readonly Edit[];

  constructor(at: string, edits: readonly Edit[]) {
    this.#at = at;
    this.#edits = edits;
  }

  /** The file in which the place is. */
  get file(): string {
    return this.#only(findPlaces(this.#at)).file;
  }

  /** Puts the fault into the copy that is in the folder. */
  async plant(folder: string): Promise<void> {
    const path = join(folder, this.file);
    await writeFile(path, this.apply(await readFile(path, 'utf8')));
  }

  /** The file's text with the fault. */
  apply(text: string): string {
    let changed = text;
    for (const edit of this.#edits) {
      const place = this.#only(findPlaces(this.#at, placesIn(this.file, changed)));
      const { start, end, by } = this.#explain(() => edit(place));
      changed = changed.slice(0, start) + by + changed.slice(end);
    }
    const [error] = this.file.endsWith('.ts') ? parseSync(this.file, changed).errors : [];
    if (error !== undefined) throw new Error(`Cannot edit ${this.#at}: ${error.message}`);
    return changed;
  }

  #only(places: readonly Place[]): Place {
    const [place] = places;
    if (place !== undefined && places.length === 1) return place;
    const found = places.map(({ path }) => path).join(', ');
    throw new Error(`Cannot find the one place ${this.#at}: ${found === '' ? 'none' : found}`);
  }

  #explain<T>(edit: () => T): T {
    try {
      return edit();
    } catch (cause) {
      throw new Error(`Cannot edit ${this.#at}: ${(cause as Error).message}`, { cause });
    }
  }
}

/** @param place A name, with as many of the names around it as tell it from others: `gather`, `World/#own`. */
export function at(place: string, ...edits: Edit[]): Fault {
  return new Fault(place, edits);
}

/** Why faults cannot be planted, each in the text that the ones before it leave. */
export function troublesOf(faults: readonly Fault[], read: (file: string) => string): string[] {
  const texts = new Map<string, string>();
  return faults.flatMap((fault) => {
    try {
      texts.set(fault.file, fault.apply(texts.get(fault.file) ?? read(fault.file)));
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
}
