/** Logs a repeated failure once, and later its count, because everything fails while a database is away. */
import { describeError } from './describe-error.ts';
import { Seldom } from './seldom.ts';

/** The used methods of a logger. */
interface FailureLogger {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

interface FailureNote {
  /** `error`: an operator has to act. @default 'warn' */
  level?: 'warn' | 'error';
  /** @default 'failed' */
  message?: string;
}

export class FailureLog {
  readonly #logger: FailureLogger | undefined;
  readonly #seldom: Seldom;

  constructor(logger: FailureLogger | undefined, now: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#seldom = new Seldom(now);
  }

  /** @param doing The failed action: the name of a statement, or a few words. */
  note(error: unknown, doing: string, { level = 'warn', message = 'failed' }: FailureNote = {}): void {
    if (this.#logger === undefined) return;
    const described = describeError(error);
    const kind = [
      doing,
      described['error'],
      described['message'] ?? described['code'],
      described['cause'] === undefined ? '' : JSON.stringify(described['cause']),
    ].join(' ');
    const repeated = this.#seldom.note(kind);
    if (repeated !== null) this.#logger[level]({ doing, ...described, ...repeated }, message);
  }
}
