/**
 * Combines single reads: the first is made without delay, and those that come during a read share the next. Each read
 * sees at least what was committed when it was requested.
 */
import { nextTurn } from '#protocol';
import type { Row } from '#store';

interface Asked<K> {
  key: K;
  resolve: (row: Row | undefined) => void;
  reject: (error: Error) => void;
}

/** Most keys in one query. */
const keysMax = 500;

export class GatheredReads<K> {
  /** Returns rows whose `place` is that of their key, counted from one. */
  readonly #read: (keys: readonly K[]) => Promise<Row[]>;
  #asked: Asked<K>[] = [];
  #isReading = false;

  constructor(read: (keys: readonly K[]) => Promise<Row[]>) {
    this.#read = read;
  }

  find(key: K): Promise<Row | undefined> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ key, resolve, reject });
      if (!this.#isReading) void this.#readAll();
    });
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    // Requests on other connections that have arrived by now join.
    await nextTurn();
    while (this.#asked.length > 0) {
      const asked = this.#asked.splice(0, keysMax);
      try {
        const rows = await this.#read(asked.map(({ key }) => key));
        const found = new Map(rows.map((row) => [row['place'] as number, row]));
        asked.forEach(({ resolve }, index) => resolve(found.get(index + 1)));
      } catch (error) {
        for (const { reject } of asked) reject(error as Error);
      }
    }
    this.#isReading = false;
  }
}
