/** Lends the transaction of a batch to code that is not Sluice's own: a projection's, a target's. */
import { DatabaseError, type Row, type Session } from '#store';

/** The batch's transaction, as far as such code may use it. */
export interface LentTransaction {
  /** One statement of your own, with `$1…`. Write in the order of your keys, so that lanes do not deadlock. */
  query(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** The same, prepared for the session under a name that belongs to this text alone. */
  prepared(name: string, text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** A named statement of sql/queries. */
  run(name: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** Work that takes longer has failed. */
const workMsMax = 10_000;

/**
 * For as long as the work lasts. What it leaves running is waited for; what it begins afterwards fails, because it would go
 * into another's transaction. What passes is thrown as it is: a lost connection, a deadlock, a wait for a lock.
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
    // The transaction has failed with any of its statements, although the work may have looked away.
    await Promise.all(sent);
    return result;
  } catch (error) {
    if (error instanceof DatabaseError && (error.isConnectionLoss || isPassing(error))) throw error;
    throw faultOf(error);
  } finally {
    isOver = true;
  }
}

/** A deferred constraint of tables that are not Sluice's, or its trigger, speaks at the end. */
export function isFaultAtEnd(error: unknown): error is DatabaseError {
  return (
    error instanceof DatabaseError &&
    error.statement === 'check_constraints' &&
    !error.isConnectionLoss &&
    !error.isServerTrouble &&
    !isPassing(error)
  );
}

/** A statement that took too long was slow by itself: a wait for a lock ends earlier, with a code of its own. */
function isPassing(error: DatabaseError): boolean {
  return error.isTransient && error.sqlState !== '57014';
}

/** A session that ends, and work that does not, end the wait. */
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
