// Rows as PostgreSQL keeps them: versions that transactions made and ended, locks that they hold, keys that are waited
// for. A statement is a generator; it yields the transaction that it has to wait for, and between two rows that it locks.

import { DatabaseError } from 'sluice/internal/store';
import { guards } from './guards.ts';

export type Values = Readonly<Record<string, unknown>>;
/** Yields who is waited for, and goes on when that transaction has ended; null: others may come in between. */
export type Steps<T> = Generator<Transaction | null, T, void>;

export interface Transaction {
  readonly id: number;
  state: 'active' | 'committed' | 'aborted';
  /** Its place among all commits. */
  sequence: number;
  /** When all could see it. */
  committedAt: number;
  readonly touched: Set<Tuple>;
  /** Tables that it writes to: it holds their locks until its end. */
  readonly writes: Set<TableName>;
  /** Its commit waits for no flush. */
  isUnflushed: boolean;
  readonly notes: { channel: string; payload: string }[];
  readonly waiters: (() => void)[];
}

export interface Version {
  values: Values;
  by: Transaction;
  endedBy: Transaction | null;
}

/** As the manual's table of row-level locks has them; shared locks for reading occur nowhere. */
export type LockMode = 'keyShare' | 'noKeyUpdate' | 'update';

function conflicts(one: LockMode, other: LockMode): boolean {
  if (one === 'keyShare') return other === 'update';
  return other !== 'keyShare' || one === 'update';
}

export class Tuple {
  readonly table: Table;
  versions: Version[] = [];
  readonly holders = new Map<Transaction, LockMode>();

  constructor(table: Table) {
    this.table = table;
  }

  /** Its last version; a transaction that is open may have made or ended it. */
  get last(): Version | undefined {
    return this.versions.at(-1);
  }
}

interface ForeignKey {
  name: string;
  column: string;
  target: string;
  targetColumn: string;
}

export class Table {
  readonly name: string;
  readonly key: readonly string[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly tuples = new Set<Tuple>();

  constructor(name: string, key: readonly string[], foreignKeys: readonly ForeignKey[] = []) {
    this.name = name;
    this.key = key;
    this.foreignKeys = foreignKeys;
  }
}

export type TableName =
  | 'setting'
  | 'writer'
  | 'lane'
  | 'intake'
  | 'awaited'
  | 'document'
  | 'alias'
  | 'reference'
  | 'outcome'
  | 'idempotency_key'
  | 'dead_letter'
  | 'lease_session';

export type Tables = Readonly<Record<TableName, Table>>;

export function createTables(): Tables {
  return {
    setting: new Table('setting', ['name']),
    writer: new Table('writer', ['writer_id']),
    lane: new Table('lane', ['lane']),
    intake: new Table('intake', ['write_id']),
    awaited: new Table('awaited', ['awaited_id', 'write_id']),
    document: new Table('document', ['document_id']),
    alias: new Table(
      'alias',
      ['referential_id'],
      [
        {
          name: 'alias_names_a_document',
          column: 'document_id',
          target: 'document',
          targetColumn: 'document_id',
        },
      ],
    ),
    reference: new Table(
      'reference',
      ['document_id', 'referential_id'],
      [
        {
          name: 'reference_belongs_to_a_document',
          column: 'document_id',
          target: 'document',
          targetColumn: 'document_id',
        },
        {
          name: 'reference_leads_to_an_alias',
          column: 'referential_id',
          target: 'alias',
          targetColumn: 'referential_id',
        },
      ],
    ),
    outcome: new Table('outcome', ['write_id']),
    idempotency_key: new Table('idempotency_key', ['client', 'key']),
    dead_letter: new Table('dead_letter', ['write_id']),
    lease_session: new Table('lease_session', ['session_id']),
  };
}

export function databaseError(sqlState: string, constraint: string | null = null): DatabaseError {
  return new DatabaseError({ sqlState, constraint, message: `PostgreSQL error ${sqlState}` });
}

/** One statement at work: what it sees was committed when it began, or made by its own transaction before it. */
export class Access {
  readonly #tables: Tables;
  readonly #transaction: Transaction;
  /** The newest commit that is seen. */
  readonly #sequence: number;
  readonly #newest: () => number;

  constructor(tables: Tables, transaction: Transaction, newest: () => number) {
    this.#tables = tables;
    this.#transaction = transaction;
    this.#sequence = newest();
    this.#newest = newest;
  }

  get transaction(): Transaction {
    return this.#transaction;
  }

  /** A later statement of the same function: it sees what has been committed since. */
  next(): Access {
    return new Access(this.#tables, this.#transaction, this.#newest);
  }

  #sees(by: Transaction, sequence: number): boolean {
    return by === this.#transaction || (by.state === 'committed' && by.sequence <= sequence);
  }

  #version(tuple: Tuple, sequence: number): Version | undefined {
    return tuple.versions.find(
      ({ by, endedBy }) => this.#sees(by, sequence) && (endedBy === null || !this.#sees(endedBy, sequence)),
    );
  }

  #found(
    name: TableName,
    where: (row: Values) => boolean,
    sequence: number,
  ): { tuple: Tuple; row: Values; by: Transaction }[] {
    const found: { tuple: Tuple; row: Values; by: Transaction }[] = [];
    for (const tuple of this.#tables[name].tuples) {
      const version = this.#version(tuple, sequence);
      if (version !== undefined && where(version.values))
        found.push({ tuple, row: version.values, by: version.by });
    }
    return found;
  }

  /** All rows, each with the time of the commit that made it. */
  committed(name: TableName): { row: Values; at: number }[] {
    return this.#found(name, () => true, this.#sequence).map(({ row, by }) => ({ row, at: by.committedAt }));
  }

  select(name: TableName, where: (row: Values) => boolean = () => true): Values[] {
    return this.#found(name, where, this.#sequence).map(({ row }) => row);
  }

  exists(name: TableName, where: (row: Values) => boolean): boolean {
    for (const tuple of this.#tables[name].tuples) {
      const version = this.#version(tuple, this.#sequence);
      if (version !== undefined && where(version.values)) return true;
    }
    return false;
  }

  #holderOf(tuple: Tuple, mode: LockMode): Transaction | null {
    for (const [other, held] of tuple.holders)
      if (other !== this.#transaction && other.state === 'active' && conflicts(mode, held)) return other;
    return null;
  }

  /** Waits for the lock, and gives the row as it is then: null if it is gone. */
  *#lock(tuple: Tuple, mode: LockMode): Steps<Version | null> {
    for (;;) {
      const holder = this.#holderOf(tuple, mode);
      if (holder === null) break;
      yield holder;
    }
    const { last } = tuple;
    const isThere = last !== undefined && (last.endedBy === null || last.endedBy.state === 'aborted');
    if (!isThere) return null;
    const held = tuple.holders.get(this.#transaction);
    if (held === undefined || held === 'keyShare' || mode === 'update')
      tuple.holders.set(this.#transaction, mode);
    this.#transaction.touched.add(tuple);
    return last;
  }

  /** Rows after they are locked, without those that no longer fit, because PostgreSQL checks them again. */
  *lockAll(
    name: TableName,
    where: (row: Values) => boolean,
    mode: LockMode,
    order: (one: Values, other: Values) => number = () => 0,
    onLocked: 'wait' | 'skip' = 'wait',
  ): Steps<{ tuple: Tuple; row: Values }[]> {
    const locked: { tuple: Tuple; row: Values }[] = [];
    const found = this.#found(name, where, this.#sequence).sort((one, other) => order(one.row, other.row));
    for (const [index, { tuple }] of found.entries()) {
      if (index > 0) yield null;
      if (onLocked === 'skip' && this.#holderOf(tuple, mode) !== null) continue;
      const version = yield* this.#lock(tuple, mode);
      if (version !== null && where(version.values)) locked.push({ tuple, row: version.values });
    }
    return locked;
  }

  *update(
    name: TableName,
    where: (row: Values) => boolean,
    change: (row: Values) => Values,
    order?: (one: Values, other: Values) => number,
    onLocked?: 'wait' | 'skip',
  ): Steps<Values[]> {
    this.#transaction.writes.add(name);
    const rows = yield* this.lockAll(name, where, 'noKeyUpdate', order, onLocked);
    return rows.map(({ tuple, row }) => {
      const values = { ...row, ...change(row) };
      this.#end(tuple);
      tuple.versions.push({ values, by: this.#transaction, endedBy: null });
      return values;
    });
  }

  *remove(
    name: TableName,
    where: (row: Values) => boolean,
    order?: (one: Values, other: Values) => number,
  ): Steps<Values[]> {
    this.#transaction.writes.add(name);
    const rows = yield* this.lockAll(name, where, 'update', order);
    for (const { tuple } of rows) this.#end(tuple);
    if (guards.foreignKeys) for (const { row } of rows) this.#demandUnreferenced(name, row);
    return rows.map(({ row }) => row);
  }

  #end(tuple: Tuple): void {
    const { last } = tuple;
    if (last !== undefined) last.endedBy = this.#transaction;
  }

  /** @param onConflict Left out: an error. */
  *insert(name: TableName, rows: readonly Values[], onConflict?: 'nothing'): Steps<Values[]> {
    this.#transaction.writes.add(name);
    const table = this.#tables[name];
    const inserted: Values[] = [];
    for (const [index, values] of rows.entries()) {
      if (index > 0) yield null;
      if (!(yield* this.#isFree(table, values))) {
        if (onConflict === undefined) throw databaseError('23505', `${name}_pkey`);
        continue;
      }
      const tuple = new Tuple(table);
      tuple.versions.push({ values, by: this.#transaction, endedBy: null });
      tuple.holders.set(this.#transaction, 'update');
      table.tuples.add(tuple);
      this.#transaction.touched.add(tuple);
      inserted.push(values);
    }
    if (guards.foreignKeys) yield* this.#demandTargets(table, inserted);
    return inserted;
  }

  *#isFree({ key, tuples, name }: Table, values: Values): Steps<boolean> {
    if (name === 'outcome' && !guards.outcomeKey && values['term'] !== null) return true;
    if (name === 'idempotency_key' && !guards.idempotencyKey) return true;
    for (;;) {
      let awaited: Transaction | null = null;
      for (const { last } of tuples) {
        if (last === undefined || !key.every((column) => last.values[column] === values[column])) continue;
        const { by, endedBy } = last;
        const isEnded = endedBy !== null && (endedBy === this.#transaction || endedBy.state === 'committed');
        if (isEnded) continue;
        const open = [by, endedBy].find((each) => each?.state === 'active' && each !== this.#transaction);
        if (open === undefined || open === null) return false;
        awaited = open;
      }
      if (awaited === null) return true;
      yield awaited;
    }
  }

  /** As the triggers of sql/migrations look behind the statement: with a snapshot of their own, in the order of keys. */
  *#demandTargets({ foreignKeys }: Table, inserted: readonly Values[]): Steps<void> {
    for (const { name, column, target, targetColumn } of foreignKeys) {
      const named = new Set(inserted.map((row) => row[column]));
      const found = this.#found(target as TableName, (row) => named.has(row[targetColumn]), this.#newest());
      found.sort((one, other) => (String(one.row[targetColumn]) < String(other.row[targetColumn]) ? -1 : 1));
      let locked = 0;
      for (const { tuple } of found) {
        if ((yield* this.#lock(tuple, 'keyShare')) !== null) locked += 1;
        yield null;
      }
      if (locked !== named.size) throw databaseError('23503', name);
    }
  }

  /** Without a lock, because a transaction that adds a reference holds one on the removed row. */
  #demandUnreferenced(name: TableName, removed: Values): void {
    for (const table of Object.values(this.#tables)) {
      for (const key of table.foreignKeys) {
        if (key.target !== name) continue;
        const refers = (row: Values): boolean => row[key.column] === removed[key.targetColumn];
        if (this.#found(table.name as TableName, refers, this.#newest()).length > 0)
          throw databaseError('23503', key.name);
      }
    }
  }
}

/** Locks a row for a transaction of somebody else, if nobody has locked it. */
export function lockFor(transaction: Transaction, tuple: Tuple): void {
  if ([...tuple.holders.keys()].some(({ state }) => state === 'active')) return;
  tuple.holders.set(transaction, 'update');
  transaction.touched.add(tuple);
}

/** Ends what a transaction holds; what it made comes to be, or is gone. */
export function endTransaction(transaction: Transaction, state: 'committed' | 'aborted'): void {
  transaction.state = state;
  for (const tuple of transaction.touched) {
    tuple.holders.delete(transaction);
    if (state === 'aborted') undo(tuple, (by) => by === transaction);
  }
  for (const waiter of transaction.waiters.splice(0)) waiter();
}

/** Takes back all that these transactions made. */
export function undo(tuple: Tuple, isUndone: (by: Transaction) => boolean): void {
  tuple.versions = tuple.versions.filter(({ by }) => !isUndone(by));
  for (const version of tuple.versions)
    if (version.endedBy !== null && isUndone(version.endedBy)) version.endedBy = null;
  if (tuple.versions.length === 0) tuple.table.tuples.delete(tuple);
}
