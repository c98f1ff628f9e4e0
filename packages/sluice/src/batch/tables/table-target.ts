/** Rows of the user's tables as a target. */
import { DatabaseError } from '#store';
import { isTable, type TableDefinition, type TargetDefinition } from '#targets';
import { TargetError } from '../coordinator/fault.ts';
import type { LentTransaction } from '../coordinator/lend-session.ts';
import type { WriteHeader } from '#protocol';
import type { Settlement, Target, TargetBatch } from '../coordinator/target.ts';
import { sortOut } from '../coordinator/sort-out.ts';
import { findLockers } from './find-lockers.ts';
import { faultOf, isStaleCatalog, type RowWork } from './row-fault.ts';
import { Settling } from './settling.ts';
import { Tables, type Reading } from './tables.ts';

export interface TableTargetOptions {
  /** The schema of the deployment. @default 'sluice' */
  schema?: string | undefined;
}

/** @param definitions Definitions of other kinds are ignored. */
export function tableTargets(
  definitions: readonly TargetDefinition[],
  { schema = 'sluice' }: TableTargetOptions = {},
): Target[] {
  const tables = definitions.filter(isTable);
  return tables.length === 0 ? [] : [new TableTarget(tables, schema)];
}

class TableTarget implements Target {
  readonly name = 'tables';
  readonly #tables: Tables;

  constructor(definitions: readonly TableDefinition[], schema: string) {
    this.#tables = new Tables(definitions, schema);
  }

  owns(resource: string): boolean {
    return this.#tables.names.has(resource);
  }

  async settle(batch: TargetBatch): Promise<Settlement> {
    const reading = await this.#tables.refresh(batch.transaction);
    const settling = new Settling(batch, this.#tables);
    const open = await sortOut(batch, settling.settlement);
    if (open.length > 0) {
      const lent = (transaction: LentTransaction): Promise<void> => settling.settle(transaction, open);
      await batch.transaction.lend(this.name, lent, (cause) =>
        this.#fault(cause, settling.work, batch, reading),
      );
    }
    return settling.finish();
  }

  findLockers(look: LentTransaction, writes: readonly WriteHeader[]): Promise<Map<string, string>> {
    return findLockers(look, this.#tables, writes);
  }

  #fault(
    cause: unknown,
    work: RowWork | null,
    { isAlone, writes, transaction }: TargetBatch,
    reading: Reading,
  ): Error {
    if (cause instanceof DatabaseError && cause.sqlState === 'SL001') {
      this.#tables.noteChange();
      return cause;
    }
    const error = work === null ? new TargetError(this.name, cause) : faultOf(cause, work);
    const isStale = cause instanceof DatabaseError && isStaleCatalog(cause, isAlone);
    // The write is tried again with the new catalog; only an error with that is a fault.
    const subject = (isAlone ? writes[0]?.writeId : null) ?? transaction.batchId;
    if (!isStale || !this.#tables.suspectChange(subject, reading)) return error;
    return new DatabaseError({ sqlState: 'SL001', message: 'the catalog may have changed' });
  }
}
