/**
 * The parts of a PostgreSQL error that may be logged or answered: code, constraint, table, routine. Message, detail,
 * hint and where may contain values of rows and are dropped here, so logs, answers and traces have no personal data.
 * Only the texts of an error that code of the user raises with its own SQLSTATE are kept, for the answer to the client.
 */
import { SluiceError } from '#protocol';
import { UnreadableAnswer } from './answer-guard.ts';
import { driverNoTls, failureOf, placeOf } from './connection-failure.ts';

/** What code of the user says with an SQLSTATE of its own. Never logged. */
interface RaisedText {
  message: string;
  details: string | null;
  hint: string | null;
}

export class DatabaseError extends Error {
  /** SQLSTATE; null if the connection failed. */
  readonly sqlState: string | null;
  readonly constraint: string | null;
  readonly table: string | null;
  /** Column of a missing or invalid value. */
  readonly column: string | null;
  /** Name of the statement in sql/queries, if known. */
  readonly statement: string | null;
  /** Name of the database that the server does not have, of a connection that was not made. */
  readonly database: string | null;
  /** Private fields, because loggers write the public ones. */
  readonly #raised: RaisedText | null;
  readonly #isOfValues: boolean;

  constructor(parts: {
    sqlState: string | null;
    constraint?: string | null;
    table?: string | null;
    column?: string | null;
    statement?: string | null;
    database?: string | null;
    raised?: RaisedText | null;
    /** The statement got another number of values than it has parameters. The session goes on. @default false */
    isOfValues?: boolean;
    message: string;
  }) {
    super(parts.message);
    this.name = 'DatabaseError';
    this.sqlState = parts.sqlState;
    this.constraint = parts.constraint ?? null;
    this.table = parts.table ?? null;
    this.column = parts.column ?? null;
    this.statement = parts.statement ?? null;
    this.database = parts.database ?? null;
    this.#raised = parts.raised ?? null;
    this.#isOfValues = parts.isOfValues ?? false;
  }

  /** Null, unless code of the user raised the error with an SQLSTATE that PostgreSQL does not have. */
  get raised(): RaisedText | null {
    return this.#raised;
  }

  /** The session cannot be used any more: its connection is lost, or the server takes no writes from it. */
  get isConnectionLoss(): boolean {
    const state = this.sqlState;
    if (this.#isOfValues) return false;
    return (
      state === null ||
      state.startsWith('08') ||
      state.startsWith('28') ||
      state.startsWith('57P') ||
      state === '3D000' ||
      // A server that takes no writes any more has to be replaced by another.
      state === '25006' ||
      state === '25P03' ||
      state === '25P04'
    );
  }

  /**
   * A statement does not fit this role, schema or session: a right is missing, a table has changed, a prepared
   * statement is lost. Statements are static, so this is never the fault of a write.
   */
  get isUnfit(): boolean {
    const state = this.sqlState;
    return state !== null && (state.startsWith('42') || unfitStates.has(state));
  }

  /** A schema, table, column or function is missing: the database has no schema of Sluice, or one of another version. */
  get isOtherSchema(): boolean {
    return this.sqlState !== null && missingStates.has(this.sqlState);
  }

  /**
   * The server answered with an error, or the connection was never made: the request has no effect and will have
   * none. False: the connection broke, or the session was ended from outside, perhaps after a COMMIT.
   */
  get isRefusal(): boolean {
    if (this.statement === 'connect') return true;
    const state = this.sqlState;
    return state !== null && !state.startsWith('08') && !endedFromOutside.has(state);
  }

  /**
   * The server lacks what it needs for any work of this kind: a disk is full, a file cannot be written, there are too
   * many connections. It says nothing about a write, which may succeed once an operator has repaired the server.
   */
  get isServerTrouble(): boolean {
    return this.sqlState !== null && (troubleStates.has(this.sqlState) || this.sqlState.startsWith('58'));
  }

  /** Concurrent work or a limit caused the error; the same statement may succeed on the next try. */
  get isTransient(): boolean {
    return this.sqlState !== null && transientStates.has(this.sqlState);
  }

  /** A prepared statement is missing, or another one has its name. */
  get isStatementLost(): boolean {
    return this.sqlState === '26000' || this.sqlState === '42P05';
  }

  /** The longest wait for a lock has passed. */
  get isLockWaitOver(): boolean {
    return this.sqlState === '55P03';
  }

  /** A statement has reached its time limit. */
  get isStatementOver(): boolean {
    return this.sqlState === '57014';
  }

  /** Facts were stale at the time of the write: a constraint failed, or a count differs from the plan. */
  get isStaleFacts(): boolean {
    return (
      this.sqlState === 'SL001' ||
      (this.sqlState !== null && staleStates.has(this.sqlState) && this.constraint !== null)
    );
  }

  /** The process has other projections than the deployment has agreed on, so it may not settle. */
  get isDisagreement(): boolean {
    return this.sqlState === 'SL004';
  }

  /** The value itself cannot be stored: text, number or nesting that jsonb does not take. */
  get isUnstorableValue(): boolean {
    return (
      this.sqlState !== null &&
      (this.sqlState.startsWith('22') || this.sqlState === '54001' || this.sqlState === '54000')
    );
  }
}

/** The classes of PostgreSQL, and that of Sluice itself. */
const knownClasses = new Set(
  `00 01 02 03 08 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 28 2B 2D 2F 34 38 39 3B 3D 3F 40 42 44 53 54 55 57 58
   72 F0 HV P0 XX SL`.split(/\s+/),
);

/** Code of the user has raised it: a trigger or a function. */
function isUserState(sqlState: string): boolean {
  return !knownClasses.has(sqlState.slice(0, 2));
}

/** Deadlock, serialization failure, lock not available, statement cancelled. */
const transientStates = new Set(['40P01', '40001', '55P03', '57014']);
/** Insufficient resources, disk full, out of memory, too many connections, a configured limit. */
const troubleStates = new Set(['53000', '53100', '53200', '53300', '53400']);
/** A plan whose result has changed, a missing prepared statement, a missing schema. */
const unfitStates = new Set(['0A000', '26000', '3F000']);
/** A missing schema, table, column or function. */
const missingStates = new Set(['3F000', '42P01', '42703', '42883']);
/** Ended by an administrator, by the crash of another process, or with its database. */
const endedFromOutside = new Set(['57P01', '57P02', '57P04']);
/** Foreign key, unique. */
const staleStates = new Set(['23503', '23505', '23001']);

/** Reduces any error of `pg`. Errors of Sluice pass unchanged. */
export function reduceError(error: unknown, statement: string | null = null): Error {
  if (error instanceof DatabaseError || error instanceof SluiceError) return error;
  if (error instanceof UnreadableAnswer)
    return connectionLoss(`connection given up: ${error.message}`, statement);
  if (typeof error === 'object' && error !== null) {
    const { code, constraint, table, column, database, severity, message, routine } = error as Record<
      string,
      unknown
    >;
    if (typeof code === 'string' && typeof severity === 'string') {
      return new DatabaseError({
        sqlState: code,
        constraint: typeof constraint === 'string' ? constraint : null,
        table: typeof table === 'string' ? table : null,
        column: typeof column === 'string' ? column : null,
        database: typeof database === 'string' ? database : null,
        // Of a statement of other code. Poolers report a lost connection by this code, and name no routine; with an own statement a
        // pooler has mixed up what sessions have prepared.
        isOfValues: statement === null && code === '08P01' && routine === 'exec_bind_message',
        raised: isUserState(code) ? raisedOf(error as Record<string, unknown>) : null,
        statement,
        message: `PostgreSQL error ${code}${statement === null ? '' : ` in ${statement}`}`,
      });
    }
    if (typeof code === 'string') return connectionLoss(`${failureOf(code)}${placeOf(error)}`, statement);
    if (message === driverNoTls) return connectionLoss('server offers no TLS', statement);
  }
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError)
    return error;
  return connectionLoss('connection failed', statement);
}

const raisedLengthMax = 1000;

function raisedOf({ message, detail, hint }: Record<string, unknown>): RaisedText {
  // Well-formed, because the cut may leave half of a surrogate pair.
  const textOf = (text: unknown): string | null =>
    typeof text === 'string' ? text.slice(0, raisedLengthMax).toWellFormed() : null;
  return { message: textOf(message) ?? '', details: textOf(detail), hint: textOf(hint) };
}

/** The server is read-only: a standby, or by `default_transaction_read_only`. */
export function takesNoWrites(error: unknown): boolean {
  return error instanceof DatabaseError && error.sqlState === '25006';
}

function connectionLoss(message: string, statement: string | null): DatabaseError {
  return new DatabaseError({ sqlState: null, statement, message });
}
