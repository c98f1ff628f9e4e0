/** Lends the transaction of a batch to code that is not part of Sluice: a projection or a handler. */
import { DatabaseError, type Row, type Session } from '#store';

/** The part of the batch's transaction that such code may use. */
export interface LentTransaction {
  /** One statement of your own, with `$1…`. Write in the order of your keys, so that lanes do not deadlock. */
  query(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** The same, prepared for the session. Each name must belong to one text only. */
  prepared(name: string, text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** A named statement of sql/queries. */
  run(name: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** Longest time of lent work; work that takes longer has failed. */
const workMsMax = 10_000;

/**
 * Lends the session until the work ends. Statements that are still running are awaited. Later statements fail,
 * because they would run in another transaction. Errors that are no fault of the work are thrown unchanged: a lost
 * connection, a deadlock, a wait for a lock, a full disk.
 */
export async function lendSession<T>(
  session: Session,
  name: string,
  work: (transaction: LentTransaction) => Promise<T>,
  faultOf: (cause: unknown) => Error,
): Promise<T> {
  const sent: Promise<unknown>[] = [];
  let isOver = false;
  const send = (start: () => Promise<Row[]>): Promise<Row[]> => {
    if (isOver)
      return Promise.reject(new Error(`Cannot use the transaction of ${name} because its work has ended`));
    const answer = start();
    // Its result is read below.
    answer.catch(() => undefined);
    sent.push(answer);
    return answer;
  };
  try {
    const result = await whileOpen(session, name, () =>
      work({
        query: (text, values) => send(() => session.query(text, values)),
        prepared: (prepared, text, values) => send(() => session.query(text, values, prepared)),
        run: (statement, values) => send(() => session.run(statement, values)),
      }),
    );
    // A failed statement fails the transaction, even if the work ignored the error.
    await Promise.all(sent);
    return result;
  } catch (error) {
    if (error instanceof DatabaseError && isOfServer(error)) throw error;
    throw faultOf(error);
  } finally {
    isOver = true;
  }
}

/** Whether a deferred constraint of a table outside of Sluice failed at the COMMIT. */
export function isFaultAtEnd(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && error.statement === 'check_constraints' && !isOfServer(error);
}

function isOfServer(error: DatabaseError): boolean {
  return error.isConnectionLoss || lacking.has(error.sqlState) || isPassing(error);
}

/**
 * The server lacks something: space on the disk, memory, connections, a working disk. Other codes of these classes come
 * from the work itself: a limit such as `temp_file_limit`, or a library that a function needs.
 */
const lacking = new Set<string | null>(['53000', '53100', '53200', '53300', '58030']);

/** A statement that took too long was slow itself: a wait for a lock ends earlier, with another code. */
function isPassing(error: DatabaseError): boolean {
  return error.isTransient && error.sqlState !== '57014';
}

/** The wait ends when the session ends, or when the work takes too long. */
async function whileOpen<T>({ ended }: Session, name: string, work: () => Promise<T>): Promise<T> {
  let end: (error: Error) => void = () => undefined;
  const ending = new Promise<never>((_, reject) => (end = reject));
  const lose = (): void =>
    end(new DatabaseError({ sqlState: null, message: `connection ended while ${name} was at work` }));
  ended.addEventListener('abort', lose, { once: true });
  const timer = setTimeout(() => end(new Error(`took longer than ${workMsMax} ms`)), workMsMax);
  try {
    return await Promise.race([work(), ending]);
  } finally {
    clearTimeout(timer);
    ended.removeEventListener('abort', lose);
  }
}
