/** How a session begins its transactions, and behind a pooler in transaction mode, which backend runs each. */
import type pg from 'pg';
import { bareBegin, beginText, type SessionSettings } from './session-settings.ts';

/** A backend at work for a session. */
export interface Backend {
  /** Process id; 0: none is known. */
  pid: number;
  /** Behind a pooler, the start of the transaction, because the backend runs those of other clients, too. */
  since: string | null;
}

/**
 * PostgreSQL prefers a full scan for a table that it knows to be empty, and keeps that plan while the table grows. So
 * a session plans its statements again at its 8th transaction, at its 64th, and so on.
 */
const replanFactor = 8;

const readBackend = 'select pg_catalog.pg_backend_pid() as pid, pg_catalog.now()::text as since';
const unknown: Backend = { pid: 0, since: null };

export class TransactionStart {
  readonly #text: string;
  #transactions = 0;
  /** Number of the transaction at which statements are planned again. */
  #replansAt = replanFactor;
  /** The backend of the last transaction, as soon as that has begun. */
  backend = unknown;

  /** @param pooled The settings of each transaction behind a pooler. Null: the session keeps its settings. */
  constructor(pooled: SessionSettings | null) {
    this.#text = pooled === null ? bareBegin : `${beginText(pooled)}; ${readBackend}`;
  }

  /** The statements that begin the next transaction. */
  next(): string {
    this.backend = unknown;
    this.#transactions += 1;
    if (this.#transactions < this.#replansAt) return this.#text;
    this.#replansAt *= replanFactor;
    return `${this.#text}; discard plans`;
  }

  /** @param answers Those of {@link next}: of several statements, the driver gives a list. */
  note(answers: pg.QueryResult | readonly pg.QueryResult[]): void {
    const last = [answers]
      .flat()
      .flatMap(({ rows }) => rows as unknown[])
      .at(-1);
    if (last !== undefined) this.backend = last as Backend;
  }
}
