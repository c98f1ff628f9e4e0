/** What fails while a database is away fails again and again: the log says so once, and then how often. */
import { describeError } from './describe-error.ts';

/** As much of a logger as is needed here. */
interface FailureLogger {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The same failure is told again after this long. */
const intervalMs = 10_000;
/** Kinds of failures that are remembered. */
const kindsMax = 1000;

export interface FailureNote {
  /** `error`: somebody has to look. @default 'warn' */
  level?: 'warn' | 'error';
  /** @default 'failed' */
  message?: string;
}

export class FailureLog {
  readonly #logger: FailureLogger | undefined;
  readonly #now: () => number;
  readonly #told = new Map<string, { at: number; since: number }>();

  constructor(logger: FailureLogger | undefined, now: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#now = now;
  }

  /** @param doing What failed: the name of a statement, or a few words. */
  note(error: unknown, doing: string, { level = 'warn', message = 'failed' }: FailureNote = {}): void {
    if (this.#logger === undefined) return;
    const described = describeError(error);
    const kind = [
      doing,
      described['error'],
      described['message'] ?? described['code'],
      described['cause'] === undefined ? '' : JSON.stringify(described['cause']),
    ].join(' ');
    const told = this.#told.get(kind);
    const now = this.#now();
    if (told !== undefined && now < told.at + intervalMs) {
      told.since += 1;
      return;
    }
    if (this.#told.size >= kindsMax) this.#told.clear();
    this.#told.set(kind, { at: now, since: 0 });
    const repeated = told === undefined || told.since === 0 ? {} : { repeated: told.since };
    this.#logger[level]({ doing, ...described, ...repeated }, message);
  }
}
