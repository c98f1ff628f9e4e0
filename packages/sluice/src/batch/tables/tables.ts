/**
 * The target tables, as the catalog describes them, and their statements. The first batch reads the catalog. It is
 * read again each minute, when a statement finds that its table has changed, and when another error may show that.
 */
import { SluiceError } from '#protocol';
import {
  formText,
  nameOf,
  parseForm,
  readTables,
  type RowForm,
  type TableCatalog,
  type TableDefinition,
} from '#targets';
import { DatabaseError } from '#store';
import type { BatchTransaction } from '../coordinator/batch-transaction.ts';
import { TargetError } from '../coordinator/fault.ts';
import type { Parent, Purpose, RowStatement, StatementOptions } from './statement-options.ts';
import { rowStatement } from './statement.ts';

const readAgainMs = 60_000;
/** Interval while one of the tables is missing or cannot be a target any more. */
const readUnsoundAgainMs = 1000;
/** Most errors that are remembered; a write whose error is not has the catalog read once more. */
const doubtsMax = 1000;
/** Most statements that a session keeps prepared, because clients decide how many forms there are. */
const statementsMax = 200;

/** A read of the catalog: its number among all reads, and the hash of all tables. */
export interface Reading {
  number: number;
  hash: string;
}

export class Tables {
  readonly names: ReadonlySet<string>;
  readonly #definitions: readonly TableDefinition[];
  readonly #schema: string;
  #tables: ReadonlyMap<string, TableCatalog | SluiceError> = new Map();
  /** Places by name: each table comes after all tables that its foreign keys refer to, as far as these form no cycle. */
  #places: ReadonlyMap<string, number> = new Map();
  #readAt = -Infinity;
  /** Statements that were prepared for another hash are not used again. */
  #reading: Reading = { number: 0, hash: '' };
  /** Number of reads that have begun, and how many had begun when a change was last noted: later ones see the change. */
  #begun = 0;
  #noted = 0;
  /** By write or batch: the reads that had begun at its last error that may show a change, and the hash that it met. */
  readonly #doubts = new Map<string, Reading>();
  readonly #statements = new Map<string, RowStatement>();
  readonly #forms = new Map<string, RowForm>();

  constructor(definitions: readonly TableDefinition[], schema: string) {
    this.#definitions = definitions;
    this.#schema = schema;
    this.names = new Set(definitions.map(nameOf));
  }

  /**
   * Notes an error that may come from a change of a table.
   * @param subject The write or the batch that met it.
   * @param reading The one that its statements came from.
   * @returns False if the catalog was read since the last such error of the subject, and is unchanged: then there was no
   *   change. Other sessions share the tables, so what they meet does not count.
   */
  suspectChange(subject: string, { number, hash }: Reading): boolean {
    const last = this.#doubts.get(subject);
    this.#doubts.delete(subject);
    if (last !== undefined && number > last.number && hash === last.hash) return false;
    const [oldest] = this.#doubts.keys();
    if (oldest !== undefined && this.#doubts.size >= doubtsMax) this.#doubts.delete(oldest);
    this.#doubts.set(subject, { number: this.#begun, hash });
    this.noteChange();
    return true;
  }

  /** A statement has found that its table has changed. */
  noteChange(): void {
    this.#noted = this.#begun;
  }

  /** Reads the catalog if it is time. Returns the reading that statements are made from. */
  async refresh(transaction: BatchTransaction): Promise<Reading> {
    const isSound = [...this.#tables.values()].every((table) => !(table instanceof SluiceError));
    const isYoung = performance.now() - this.#readAt < (isSound ? readAgainMs : readUnsoundAgainMs);
    if (!isYoung || this.#reading.number <= this.#noted) await this.#read(transaction);
    return this.#reading;
  }

  async #read(transaction: BatchTransaction): Promise<void> {
    const number = ++this.#begun;
    const tables = await readTables(transaction, this.#definitions);
    // Another session has read later meanwhile.
    if (number < this.#reading.number) return;
    this.#readAt = performance.now();
    const hash = [...tables.values()]
      .map((table) => ('hash' in table ? table.hash + table.version?.text : table.message))
      .join();
    const isKnown = hash === this.#reading.hash;
    this.#reading = { number, hash };
    if (isKnown) return;
    this.#tables = tables;
    this.#statements.clear();
    this.#places = placesOf(
      [...tables.values()].flatMap((table) => (table instanceof SluiceError ? [] : [table])),
    );
  }

  /** @throws {TargetError} if the table is missing, or cannot be a target any more */
  catalogOf(name: string): TableCatalog {
    const table = this.#tables.get(name);
    if (table === undefined || table instanceof SluiceError) {
      const message = table?.message ?? 'the table is no target';
      throw new TargetError(`table ${name}`, new DatabaseError({ sqlState: '42P01', table: name, message }));
    }
    return table;
  }

  placeOf(name: string): number {
    return this.#places.get(name) ?? 0;
  }

  formOf(text: string | null): RowForm {
    const known = this.#forms.get(text ?? '');
    if (known !== undefined) return known;
    const form = parseForm(text ?? '');
    if (this.#forms.size >= statementsMax) this.#forms.clear();
    this.#forms.set(text ?? '', form);
    return form;
  }

  statementOf(
    name: string,
    form: RowForm,
    { source, mayWait }: Pick<StatementOptions, 'source' | 'mayWait'>,
    purpose: Purpose = 'settle',
  ): RowStatement {
    const key = `${purpose} ${source} ${mayWait} ${name} ${formText(form)}`;
    const known = this.#statements.get(key);
    if (known !== undefined) return known;
    const catalog = this.catalogOf(name);
    const made = rowStatement({
      catalog,
      form,
      parents: this.parentsOf(catalog),
      source,
      schema: this.#schema,
      mayWait,
      purpose,
      version: this.#reading.hash,
    });
    // Further statements are made each time, and not prepared.
    if (this.#statements.size >= statementsMax) return { ...made, name: null };
    this.#statements.set(key, made);
    return made;
  }

  /** Foreign keys to tables that are targets. PostgreSQL itself looks for the parents of a PERIOD. */
  parentsOf(catalog: TableCatalog): Parent[] {
    return catalog.foreignKeys.flatMap((foreignKey) => {
      const parent = this.#tables.get(foreignKey.table);
      if (parent === undefined || parent instanceof SluiceError || foreignKey.hasPeriod === true) return [];
      return [{ foreignKey, catalog: parent }];
    });
  }
}

/** Depth first: a table comes after all that it refers to. Tables that refer to each other keep the order of the configuration. */
function placesOf(tables: readonly TableCatalog[]): Map<string, number> {
  const places = new Map<string, number>();
  const visited = new Set<string>();
  const visit = (table: TableCatalog): void => {
    if (visited.has(table.name)) return;
    visited.add(table.name);
    for (const { table: name } of table.foreignKeys) {
      const parent = tables.find((each) => each.name === name);
      if (parent !== undefined) visit(parent);
    }
    places.set(table.name, places.size);
  };
  tables.forEach(visit);
  return places;
}
