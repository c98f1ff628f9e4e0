/**
 * Reports failed transactions of a batch: to the log, one line of each kind in ten seconds, and to operators, one row
 * for each lane of the leader. Reports have codes, names and ids, and nothing of any document.
 */
import { Seldom, type WriteHeader } from '#protocol';
import { DatabaseError, type Session } from '#store';
import { reducedFault, type BatchFault, type Remedy } from './fault.ts';
import type { Origin } from './origin.ts';

export interface BatchRetry {
  batchId: string;
  /** The lanes of its writes. */
  lanes: number[];
  /** How many writes it had. */
  writes: number;
  /** Ids of the first writes. */
  writeIds: string[];
  /** Number of the try that failed, from 1. */
  attempt: number;
  sqlState: string | null;
  constraint: string | null;
  table: string | null;
  /** Name of the statement in sql/queries; null for other statements. */
  statement: string | null;
  /** What happens next. */
  remedy: Remedy;
}

const writeIdsMax = 10;

export function describeRetry(
  batchId: string,
  { terms }: Pick<Origin, 'terms'>,
  writes: readonly Pick<WriteHeader, 'writeId' | 'lane'>[],
  fault: BatchFault,
  attempt: number,
  remedy: Remedy,
): BatchRetry {
  const { code, constraint, table } = reducedFault(fault);
  const lanes = writes.length === 0 ? terms.keys() : writes.map(({ lane }) => lane);
  return {
    batchId,
    lanes: [...new Set(lanes)].sort((a, b) => a - b),
    writes: writes.length,
    writeIds: writes.slice(0, writeIdsMax).map(({ writeId }) => writeId),
    attempt,
    sqlState: code,
    constraint,
    table,
    statement: fault instanceof DatabaseError ? fault.statement : null,
    remedy,
  };
}

/** Takes the fields of a line and its message, as the methods of pino do. */
type Warn = (fields: Record<string, unknown>, message: string) => void;

const messages: Readonly<Record<Remedy, string>> = {
  try_again: 'a batch is tried again',
  look_for_locks: 'a batch did not get a lock in time and is tried again',
  halve: 'a batch is tried again in halves',
  block: 'a write waits for a lock that another transaction holds',
  refuse: 'the database refuses a write: by a constraint, a trigger, a function or a projection',
  answer_conflict: 'a write is answered with write_conflict: it failed each time',
  dead_letter: 'a write becomes a dead letter: it failed alone each time',
};

export class RetryLog {
  readonly #warn: Warn;
  readonly #seldom: Seldom;

  constructor(warn: Warn, now: () => number = () => performance.now()) {
    this.#warn = warn;
    this.#seldom = new Seldom(now);
  }

  readonly note = (retry: BatchRetry): void => {
    const repeated = this.#seldom.note(`${retry.sqlState} ${retry.statement} ${retry.remedy}`);
    if (repeated !== null) this.#warn({ ...retry, ...repeated }, messages[retry.remedy]);
  };
}

/** Rows that show operators that a leader tries a batch again. They are deleted when the batch ends. */
export class RetryNote {
  readonly #session: Session;
  readonly #terms: Origin['terms'];
  #isWritten = false;

  constructor(session: Session, { terms }: Origin) {
    this.#session = session;
    this.#terms = terms;
  }

  /**
   * Runs outside of any transaction; a failure has no effect.
   * @param attempt Number of the try that failed.
   */
  async write(attempt: number, pauseMs: number, code: string | null): Promise<void> {
    if (this.#terms.size === 0) return;
    this.#isWritten = true;
    const values = [[...this.#terms.keys()], [...this.#terms.values()], attempt, pauseMs, code];
    await this.#session.flight([{ name: 'noteRetry', values, isOptional: true }]);
  }

  async forget(): Promise<void> {
    if (!this.#isWritten) return;
    this.#isWritten = false;
    const values = [[...this.#terms.keys()]];
    await this.#session.flight([{ name: 'forgetRetry', values, isOptional: true }]);
  }
}
