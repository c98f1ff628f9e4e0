/**
 * Batches in one process. Batches of documents are not set-based: one transaction for all waiting documents, with the
 * best statement for a single document for each. This measures the gain of one commit for many documents. A batch of
 * rows is one statement.
 */
import pg from 'pg';
import { describe, type BenchDocument, type DescribedDocument } from '../workload/bench-model.ts';
import { isOfRows } from '../names.ts';
import type { Contender, ContenderOptions } from './contender.ts';
import { storeDocument } from './one-statement.ts';
import { insertRows } from './row-statements.ts';

/** The same as in Sluice. */
const batchWritesMax = 512;
/** Two concurrent transactions: one is written while the other waits for the disk. */
const sessionsMax = 2;

interface Waiting {
  document: BenchDocument;
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
    return new Promise((resolve, reject) => {
      this.#waiting.push({ document, resolve, reject });
      void this.#work();
    });
  }

  #store(session: pg.Client, documents: readonly BenchDocument[]): Promise<void> {
    const { workload, model, lanes } = this.#options;
    if (isOfRows(workload)) return insertRows(session, documents);
    return storeDocuments(
      session,
      documents.map((document) => describe(model, document, lanes)),
    );
  }

  /** Runs until no document waits. Each document reports its failure by its own promise. */
  async #work(): Promise<void> {
    const session = this.#idle.pop();
    if (session === undefined) return;
    // Documents that are submitted in this turn of the event loop belong together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchWritesMax);
      try {
        await this.#store(
          session,
          batch.map(({ document }) => document),
        );
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

async function storeDocuments(session: pg.Client, documents: readonly DescribedDocument[]): Promise<void> {
  // All are sent together, so round trips do not count.
  const begun = session.query('begin');
  await Promise.all([begun, ...documents.map((document) => storeDocument(session, document))]);
  await session.query('commit');
}
