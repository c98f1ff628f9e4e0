/**
 * Batches that are not set-based: all documents that wait go into one transaction, with one statement for each, the one that
 * is best for one document. What one commit for many documents is worth by itself.
 */
import pg from 'pg';
import { describe, type BenchDocument, type DescribedDocument } from '../workload/bench-model.ts';
import type { Contender, ContenderOptions } from './contender.ts';
import { storeDocument } from './one-statement.ts';

/** As the product's own batches. */
const batchWritesMax = 512;
/** Transactions at the same time: one is written while the other waits for the disk. */
const sessionsMax = 2;

interface Waiting {
  document: DescribedDocument;
  resolve: () => void;
  reject: (error: Error) => void;
}

export class Batched implements Contender {
  readonly #options: ContenderOptions;
  readonly #idle: pg.Client[] = [];
  readonly #sessions: pg.Client[] = [];
  #waiting: Waiting[] = [];

  constructor(options: ContenderOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { url, poolMax } = this.#options;
    for (let index = 0; index < Math.min(sessionsMax, poolMax); index++) {
      const session = new pg.Client({
        connectionString: url,
        application_name: 'sluice bench batched',
        pipeline: true,
      });
      this.#sessions.push(session);
      await session.connect();
      this.#idle.push(session);
    }
  }

  submit(document: BenchDocument): Promise<void> {
    const { model, lanes } = this.#options;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ document: describe(model, document, lanes), resolve, reject });
      void this.#work();
    });
  }

  /** Until nothing waits. Each document reports its failure by its own promise. */
  async #work(): Promise<void> {
    const session = this.#idle.pop();
    if (session === undefined) return;
    // All that are submitted in this turn of the event loop belong together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchWritesMax);
      try {
        // All are sent at once: what a round trip for each costs is another question.
        const begun = session.query('begin');
        await Promise.all([begun, ...batch.map(({ document }) => storeDocument(session, document))]);
        await session.query('commit');
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error as Error);
        await session.query('rollback').catch(() => undefined);
      }
      await new Promise(setImmediate);
    }
    this.#idle.push(session);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.end()));
  }
}
