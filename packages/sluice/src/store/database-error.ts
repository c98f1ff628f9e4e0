/**
 * What remains of a PostgreSQL error before anybody may log or answer it: code, constraint, table, routine.
 * Message, detail, hint and where carry contents of rows and are dropped here (design promise: no personal data in
 * logs, answers or traces).
 */
import { SluiceError } from '#protocol';
import { UnreadableAnswer } from './answer-guard.ts';

export class DatabaseError extends Error {
  /** SQLSTATE, or null where the connection failed. */
  readonly sqlState: string | null;
  readonly constraint: string | null;
  readonly table: string | null;
  /** Of a value that is not there, or is not of its domain. */
  readonly column: string | null;
  /** The statement's name in sql/queries, where known. */
  readonly statement: string | null;
  /** Name of the database that the server does not have, of a connection that was not made. */
  readonly database: string | null;

  constructor(parts: {
    sqlState: string | null;
    constraint?: string | null;
    table?: string | null;
    column?: string | null;
    statement?: string | null;
    database?: string | null;
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
  }

  /** The session is of no use any more: its connection is gone, or the server does no work for it that writes. */
  get isConnectionLoss(): boolean {
    const state = this.sqlState;
    return (
      state === null ||
      state.startsWith('08') ||
      state.startsWith('28') ||
      state.startsWith('57P') ||
      state === '3D000' ||
      // A server that takes no writes any more is not the one that was looked for.
      state === '25006' ||
      state === '25P03' ||
      state === '25P04'
    );
  }

  /**
   * A statement of ours is not fit for this role, this schema or this session: a right is missing, a table is another
   * than it was, a prepared statement is lost. Our statements are static, so this is never the fault of a write.
   */
  get isUnfit(): boolean {
    const state = this.sqlState;
    return state !== null && (state.startsWith('42') || unfitStates.has(state));
  }

  /**
   * The server answered with an error, or the connection was never made: what was sent has no effect and will have none.
   * False: the connection broke, or the session was ended from outside, perhaps behind a COMMIT.
   */
  get isRefusal(): boolean {
    if (this.statement === 'connect') return true;
    const state = this.sqlState;
    return state !== null && !state.startsWith('08') && !endedFromOutside.has(state);
  }

  /**
   * The server lacks what it needs for any work of this kind: a disk is full, a file cannot be written, it has too many
   * connections. No fault of a write, so nothing is to be concluded of it; the same will do once that has been seen to.
   */
  get isServerTrouble(): boolean {
    return this.sqlState !== null && (troubleStates.has(this.sqlState) || this.sqlState.startsWith('58'));
  }

  /** Concurrent work or a limit got in the way; the same statement may succeed at once. */
  get isTransient(): boolean {
    return this.sqlState !== null && transientStates.has(this.sqlState);
  }

  /** A prepared statement is not there, or another is there under its name. */
  get isStatementLost(): boolean {
    return this.sqlState === '26000' || this.sqlState === '42P05';
  }

  /** A lock was awaited for as long as the transaction may wait for one. */
  get isLockWaitOver(): boolean {
    return this.sqlState === '55P03';
  }

  /** A statement took as long as one may take. */
  get isStatementOver(): boolean {
    return this.sqlState === '57014';
  }

  /** Facts were stale by the time of the write: a constraint, or a count that differs from the plan. */
  get isStaleFacts(): boolean {
    return (
      this.sqlState === 'SL001' ||
      (this.sqlState !== null && staleStates.has(this.sqlState) && this.constraint !== null)
    );
  }

  /** The process has other projections than the deployment has agreed on: it may settle nothing. */
  get isDisagreement(): boolean {
    return this.sqlState === 'SL004';
  }

  /** The value itself cannot be stored: text, number or nesting beyond what jsonb takes. */
  get isUnstorableValue(): boolean {
    return (
      this.sqlState !== null &&
      (this.sqlState.startsWith('22') || this.sqlState === '54001' || this.sqlState === '54000')
    );
  }
}

/** Deadlock, serialization failure, lock not available, statement cancelled. */
const transientStates = new Set(['40P01', '40001', '55P03', '57014']);
/** Insufficient resources, disk full, out of memory, too many connections, a configured limit. */
const troubleStates = new Set(['53000', '53100', '53200', '53300', '53400']);
/** A plan whose result has changed, a prepared statement that is gone, a schema that is gone. */
const unfitStates = new Set(['0A000', '26000', '3F000']);
/** Ended by an administrator, by the crash of another process, with its database. */
const endedFromOutside = new Set(['57P01', '57P02', '57P04']);
/** Foreign key, unique. */
const staleStates = new Set(['23503', '23505', '23001']);

/** Reduces whatever `pg` threw. Passes on errors that are already ours. */
export function reduceError(error: unknown, statement: string | null = null): Error {
  if (error instanceof DatabaseError || error instanceof SluiceError) return error;
  if (error instanceof UnreadableAnswer)
    return connectionLoss(`connection given up: ${error.message}`, statement);
  if (typeof error === 'object' && error !== null) {
    const { code, constraint, table, column, database, severity, message } = error as Record<string, unknown>;
    if (typeof code === 'string' && typeof severity === 'string') {
      return new DatabaseError({
        sqlState: code,
        constraint: typeof constraint === 'string' ? constraint : null,
        table: typeof table === 'string' ? table : null,
        column: typeof column === 'string' ? column : null,
        database: typeof database === 'string' ? database : null,
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

/** The server only reads: a standby, or `default_transaction_read_only`. */
export function takesNoWrites(error: unknown): boolean {
  return error instanceof DatabaseError && error.sqlState === '25006';
}

/** Where it was tried; of several addresses of one name, the first. */
function placeOf(error: object): string {
  const [first = error] = (error as AggregateError).errors ?? [];
  const { hostname, address, port } = first as { hostname?: string; address?: string; port?: number };
  const host = hostname ?? address;
  if (host === undefined) return '';
  return port === undefined ? ` ${host}` : ` ${host}:${port}`;
}

/** What the driver says then; it has no code. */
const driverNoTls = 'The server does not support SSL connections';

/** Codes of a certificate that was checked and is wrong. The operator has to know. */
const datedCertificate = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
const strangeCertificate = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

function failureOf(code: string): string {
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `connection failed: the server's certificate is for another host name (${code})`;
  }
  if (datedCertificate.has(code)) {
    return `connection failed: the server's certificate is out of date (${code})`;
  }
  if (strangeCertificate.has(code)) {
    return `connection failed: no CA that is trusted here vouches for the server's certificate (${code})`;
  }
  return `connection failed: ${code}`;
}

function connectionLoss(message: string, statement: string | null): DatabaseError {
  return new DatabaseError({ sqlState: null, statement, message });
}
