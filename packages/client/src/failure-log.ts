/** What fails while a database is away fails for every request: the log says so once, and then how often. */
import { describeError, Seldom } from '@sluice/protocol';
import type { Logger } from 'pino';

export class FailureLog {
  readonly #logger: Logger | undefined;
  readonly #seldom: Seldom;

  constructor(logger: Logger | undefined, now: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#seldom = new Seldom(now);
  }

  /** @param doing What failed: the name of a statement, or a few words. */
  note(error: unknown, doing: string): void {
    if (this.#logger === undefined) return;
    const described = describeError(error);
    const { message = described['code'] } = described;
    const repeated = this.#seldom.note(`${doing} ${String(described['error'])} ${String(message)}`);
    if (repeated !== null) this.#logger.warn({ doing, ...described, ...repeated }, 'failed');
  }
}
