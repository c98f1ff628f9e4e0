// What a hunt found.

export class Report {
  readonly #rows: { mutant: string; caught: string }[] = [];

  /** @param because What noticed the mutant; null: nothing did. */
  add(mutant: string, because: string | null): void {
    this.#rows.push({ mutant, caught: because?.slice(0, 100) ?? 'SURVIVES' });
    console.error(JSON.stringify(this.#rows.at(-1)));
  }

  /** Nothing is known of the mutant. @param because What kept its test from telling. */
  addUntried(mutant: string, because: string): void {
    this.#rows.push({ mutant, caught: `SURVIVES, untried: ${because}` });
    console.error(JSON.stringify(this.#rows.at(-1)));
  }

  get tried(): number {
    return this.#rows.length;
  }

  get survivors(): string[] {
    return this.#rows.filter(({ caught }) => caught.startsWith('SURVIVES')).map(({ mutant }) => mutant);
  }

  print(): void {
    if (this.tried > 0) console.table(this.#rows);
  }
}
