// The two recordings of a run: what the clients saw, and what the database holds. Each is made without the other, so that
// a lie in one is told by the other.

import type { Result } from 'sluice/internal/protocol';

/**
 * One line of the clients' history. `t` is milliseconds of one monotonic clock. An operation that was invoked and never
 * answered counts as `info`: its fate is unknown.
 */
export type HistoryEvent = Invoke | Ok | Accepted | Fail | Info;

export interface Invoke {
  type: 'invoke';
  /** Number of the operation; its answer has the same. */
  i: number;
  t: number;
  proc: number;
  op: 'upsert' | 'update' | 'delete' | 'read';
  /** Identity of the document: its referentialId. */
  doc: string;
  /** Update, delete and read: the document meant. */
  documentId: string | null;
  /** Identities that the body refers to, none of them its own. */
  refs: readonly string[];
  /** Content hash of the body, which no other request has; empty where there is none. */
  hash: string;
  ifMatch: string | null;
  /** Idempotency key. Operations with one key and one hash are tries of one request. */
  key: string | null;
}

export interface Ok {
  type: 'ok';
  i: number;
  t: number;
  /** `read`: `hash` is what was found, null: nothing. */
  result: Result | 'read';
  documentId: string | null;
  hash: string | null;
}

/** Durable, and its outcome will come; it counts as `ok`. */
export interface Accepted {
  type: 'accepted';
  i: number;
  t: number;
  writeId: string;
}

/** Definite: this try was not applied, and never will be. */
export interface Fail {
  type: 'fail';
  i: number;
  t: number;
  code: string;
  /** `unresolved_reference`: the identities that are said to be missing. */
  missing: readonly string[];
}

/** Applied or not: nobody told. */
export interface Info {
  type: 'info';
  i: number;
  t: number;
  code: string;
}

export interface OutcomeRow {
  writeId: string;
  batchId: string;
  ordinal: number;
  lane: number;
  /** Null: settled by nobody who leads. */
  term: number | null;
  /** When it was written, in microseconds of the database's clock. */
  at: number;
  result: Result;
  code: string | null;
  documentId: string | null;
  version: number | null;
  hash: string | null;
}

export interface Truth {
  outcomes: Iterable<OutcomeRow>;
  documents: Iterable<{ documentId: string; referentialId: string; version: number; hash: string }>;
  aliases: Iterable<{ referentialId: string; documentId: string }>;
  references: Iterable<{ documentId: string; referentialId: string }>;
  /** What is left of the intake once the faults have ceased and the time to recover is over. */
  intake: readonly { writeId: string; isWaiting: boolean }[];
  /** Operations that a node which lives on has not answered then. */
  unanswered: readonly number[];
  /** Lanes without a leader then. */
  unledLanes: readonly number[];
  /** References that led nowhere in each snapshot of a reader during the run. */
  samples: readonly number[];
  /** Lines of logs that hold what only documents hold. */
  leaks: number;
}
