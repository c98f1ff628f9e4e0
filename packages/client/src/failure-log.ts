/** What fails while a database is away fails for every request: the log says so once, and then how often. */
import { describeError } from '@sluice/protocol';
import type { Logger } from 'pino';

/** The same failure is told again after this long. */
const intervalMs = 10_000;
/** Kinds of failures that are remembered. */
const kindsMax = 1000;

export class FailureLog {
  readonly #logger: Logger | undefined;
  readonly #now: () => number;
  readonly #told = new Map<string, { at: number; since: number }>();

  constructor(logger: Logger | undefined, now: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#now = now;
  }

  /** @param doing What failed: the name of a statement, or a few words. */
  note(error: unknown, doing: string): void {
    if (this.#logger === undefined) return;
    const described = describeError(error);
    const { message = described['code'] } = described;
    const kind = `${doing} ${String(described['error'])} ${String(message)}`;
    const told = this.#told.get(kind);
    const now = this.#now();
    if (told !== undefined && now < told.at + intervalMs) {
      told.since += 1;
      return;
    }
    if (this.#told.size >= kindsMax) this.#told.clear();
    this.#told.set(kind, { at: now, since: 0 });
    const repeated = told === undefined || told.since === 0 ? {} : { repeated: told.since };
    this.#logger.warn({ doing, ...described, ...repeated }, 'failed');
  }
}
