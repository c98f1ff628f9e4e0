/**
 * Settles the rows of one batch in rounds: the first write of each row, then the second. In a round, tables come in
 * the order of their foreign keys, deletes in the opposite order. Each form of a table is one statement.
 */
import type { Outcome, WriteHeader } from '#protocol';
import { DatabaseError } from '#store';
import type { RowForm } from '#targets';
import { TargetError } from '../coordinator/fault.ts';
import { fingerprintOf, keyOf } from '../coordinator/idempotency.ts';
import type { LentTransaction } from '../coordinator/lend-session.ts';
import { emptySettlement, type Settlement, type TargetBatch } from '../coordinator/target.ts';
import { groupRows, type RowGroup } from './group-rows.ts';
import { circlesOf, runChildren, type Fate, type Orphan, type Unsettled } from './parents.ts';
import { faultOf, type RowWork } from './row-fault.ts';
import { outcomeOfRow } from './row-outcome.ts';
import { sendRows, type RowFate, type Run } from './run-rows.ts';
import { isFoldable, type Purpose, type RowStatement } from './statement-options.ts';
import type { Tables } from './tables.ts';

/** Most writes to one row in one batch; each takes one more statement. */
const roundsMax = 8;

export class Settling {
  readonly settlement: Settlement = emptySettlement();
  /** The subject of the last statement. */
  work: RowWork | null = null;
  #hasSeveralTables = false;
  readonly #batch: TargetBatch;
  readonly #tables: Tables;
  readonly #settled = new Map<string, Outcome>();
  readonly #deferred = new Set<WriteHeader>();
  readonly #orphans: Orphan[] = [];
  /** Identity keys of writes that are blocked. */
  readonly #blocked = new Set<string>();
  /** By identity key, the writes of the batch that bring the row. */
  readonly #bringers = new Map<string, WriteHeader[]>();

  constructor(batch: TargetBatch, tables: Tables) {
    this.#batch = batch;
    this.#tables = tables;
    for (const write of batch.writes) {
      if (write.operation === 'delete') continue;
      const known = this.#bringers.get(write.referentialId);
      if (known === undefined) this.#bringers.set(write.referentialId, [write]);
      else known.push(write);
    }
  }

  /** Settles in rounds: the first write of each row, then the second. */
  async settle(lent: LentTransaction, writes: readonly WriteHeader[]): Promise<void> {
    for (const { write } of this.settlement.blocked) this.#blocked.add(write.referentialId);
    for (const write of this.settlement.deferred) this.#deferred.add(write);
    let open = writes;
    for (let round = 0; round < roundsMax && open.length > 0; round++) {
      const { first, rest } = this.#divide(open);
      const stopped = new Map<string, WriteHeader | null>();
      for (const group of this.#groupsOf(first)) await this.#settleGroup(lent, group, stopped);
      open = this.#behind(rest, stopped);
    }
    this.settlement.deferred.push(...open);
    this.#refuseCircles();
  }

  /** Refuses writes in a cycle, which would otherwise be deferred for ever. */
  #refuseCircles(): void {
    const isLeft = (write: WriteHeader): boolean => !this.#settled.has(write.writeId);
    const circles = circlesOf(this.#orphans, (id) => this.#bringers.get(id)?.filter(isLeft) ?? []);
    if (circles.length === 0) return;
    for (const { write, outcome } of circles) this.#settled.set(write.writeId, outcome);
    const { deferred } = this.settlement;
    this.settlement.deferred = deferred.filter(isLeft);
  }

  /** Consecutive writes of one row that can be folded go together. */
  #divide(writes: readonly WriteHeader[]): { first: WriteHeader[]; rest: WriteHeader[] } {
    const heads = new Map<string, WriteHeader | null>();
    const rest: WriteHeader[] = [];
    const first = writes.filter((write) => {
      const { referentialId, resource, form } = write;
      const head = heads.get(referentialId);
      if (head === undefined) {
        heads.set(referentialId, write);
        return true;
      }
      const folds =
        head !== null &&
        head.form === form &&
        isFoldable(this.#tables.catalogOf(resource), this.#tables.formOf(form));
      if (folds) return true;
      heads.set(referentialId, null);
      rest.push(write);
      return false;
    });
    return { first, rest };
  }

  /** Groups in the order in which they are settled. */
  #groupsOf(writes: readonly WriteHeader[]): RowGroup[] {
    const groups = groupRows(this.#tables, writes, (table, form) => this.#statementOf(table, form));
    const place = ({ table, form }: RowGroup): number => {
      const depth = this.#tables.placeOf(table);
      return form.operation === 'delete' ? 1e6 - depth : depth;
    };
    return groups.sort((one, other) => place(one) - place(other));
  }

  get #source(): { source: 'intake' | 'memory'; mayWait: boolean } {
    const { transaction, mayWait } = this.#batch;
    return { source: transaction.bodies === null ? 'intake' : 'memory', mayWait };
  }

  async #settleGroup(
    lent: LentTransaction,
    { table, form, writes }: RowGroup,
    stopped: Map<string, WriteHeader | null>,
  ): Promise<void> {
    const catalog = this.#tables.catalogOf(table);
    this.#hasSeveralTables ||= this.work !== null && this.work.catalog !== catalog;
    this.work = { catalog, form };
    const column = form.columns.find((name) => !catalog.columns.some((each) => each.name === name));
    if (column !== undefined)
      throw new DatabaseError({
        sqlState: '42703',
        table: catalog.table,
        column,
        message: `column ${column} does not exist`,
      });
    const unsettled = this.#unsettled(writes);
    // An array that is inserted in part is undone. Alone, it is known which rule it meets.
    const isStrict = this.#batch.isAlone && form.isArray && form.operation === 'insert';
    const run: Run = {
      catalog,
      form,
      statement: this.#statementOf(table, form, isStrict ? 'strict' : 'settle'),
      isStrict,
      conflict: () => this.#statementOf(table, form, 'conflict'),
      strict: () => this.#statementOf(table, form, 'strict'),
      writes: await this.#free(lent, { table, form, writes }, stopped),
      bodies: this.#batch.transaction.bodies,
      isBrought: unsettled.isOpen,
    };
    const { fates, orphans } = await runChildren(lent, this.#batch.writes, run, unsettled);
    for (const fate of fates) this.#take(fate, orphans.get(fate.write.writeId), stopped);
  }

  /** Blocks the upserts whose rows another transaction has locked, if the batch searches for such rows. */
  async #free(
    lent: LentTransaction,
    { table, form, writes }: RowGroup,
    stopped: Map<string, WriteHeader | null>,
  ): Promise<readonly WriteHeader[]> {
    const { looksForLocks, mayWait, transaction } = this.#batch;
    const key = form.onConflict ?? this.#tables.catalogOf(table).key;
    const isUpsert =
      form.operation === 'upsert' && !form.isArray && key.every((name) => form.columns.includes(name));
    if (!looksForLocks || mayWait || !isUpsert) return writes;
    const statement = this.#statementOf(table, form, 'lock');
    const places = await sendRows(lent, statement, writes, { bodies: transaction.bodies });
    const locked = new Set(places.map((row) => writes[(row['place'] as number) - 1]));
    for (const write of locked) if (write !== undefined) this.#block(write, [write.writeId], stopped);
    return writes.filter((write) => !locked.has(write));
  }

  #statementOf(table: string, form: RowForm, purpose?: Purpose): RowStatement {
    return this.#tables.statementOf(table, form, this.#source, purpose);
  }

  #take(
    { write, ...fate }: RowFate,
    orphan: Fate | undefined,
    stopped: Map<string, WriteHeader | null>,
  ): void {
    const isRefused = orphan?.kind === 'refused';
    // The fast path of a node may be committing the parent. Only a leader sees it, a moment later.
    if (orphan?.kind === 'deferred') this.#orphans.push({ write, ...orphan });
    if (fate.state === 'later' || orphan?.kind === 'deferred' || (isRefused && this.#batch.isAtOnce))
      this.#defer(write, stopped);
    else if (fate.state === 'locked') this.#block(write, [write.writeId], stopped);
    else if (orphan?.kind === 'blocked') this.#block(write, orphan.awaits, stopped);
    else this.#settled.set(write.writeId, isRefused ? orphan.outcome : outcomeOfRow({ write, ...fate }));
  }

  #defer(write: WriteHeader, stopped: Map<string, WriteHeader | null>): void {
    this.settlement.deferred.push(write);
    this.#deferred.add(write);
    stopped.set(write.referentialId, null);
  }

  #block(write: WriteHeader, awaits: string[], stopped: Map<string, WriteHeader | null>): void {
    this.settlement.blocked.push({ write, awaits });
    this.#blocked.add(write.referentialId);
    stopped.set(write.referentialId, write);
  }

  /** @param group The group that is settled now; its writes block no other. */
  #unsettled(group: readonly WriteHeader[]): Unsettled {
    const now = new Set(group);
    const isBlocked = (id: string): boolean => this.#blocked.has(id);
    const isLeft = (write: WriteHeader): boolean =>
      this.#deferred.has(write) || (!now.has(write) && !this.#settled.has(write.writeId));
    return {
      isBlocked,
      isOpen: (id) => !isBlocked(id) && (this.#bringers.get(id)?.some(isLeft) ?? false),
    };
  }

  /** The writes for the next round, without those that follow an unsettled write. */
  #behind(writes: readonly WriteHeader[], stopped: ReadonlyMap<string, WriteHeader | null>): WriteHeader[] {
    return writes.filter((write) => {
      const before = stopped.get(write.referentialId);
      if (before === undefined) return true;
      if (before === null) this.settlement.deferred.push(write);
      else this.settlement.blocked.push({ write, awaits: [before.writeId] });
      return false;
    });
  }

  finish(): Settlement {
    const { settlement, work } = this;
    for (const write of this.#batch.writes) {
      const outcome = this.#settled.get(write.writeId);
      if (outcome === undefined) continue;
      settlement.outcomes.push({ write, outcome });
      if (keyOf(write) !== null) settlement.keys.push({ write, fingerprint: fingerprintOf(write) });
      if (outcome.code === null && write.operation !== 'delete')
        settlement.provided.push(write.referentialId);
    }
    // At the COMMIT only code of the database runs, and no statement that another catalog would change.
    if (work === null) return settlement;
    const isKnown = !this.#hasSeveralTables;
    return {
      ...settlement,
      faultAtEnd: (error) =>
        isKnown ? faultOf(error, work) : new TargetError('one of several tables', error),
    };
  }
}
