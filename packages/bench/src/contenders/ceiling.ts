/**
 * Sluice's own commit code with ready batches on one connection: no intake, no hints, no waiting client. The time to
 * make the documents of a batch does not count; all work of a writer to settle them does. A batch of rows is one
 * set-based insert without any code of Sluice.
 */
import { memoryOrigin, settleBatch, settleOptions } from 'sluice/internal/batch';
import { defaults, type Write } from 'sluice/internal/protocol';
import { Session } from 'sluice/internal/store';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { isOfRows, type WorkloadName } from '../names.ts';
import type { Window, WindowResult } from '../process/window.ts';
import { describe, type BenchDocument, type DescribedDocument } from '../workload/bench-model.ts';
import type { Workload } from '../workload/workload.ts';
import { insertRows } from './row-statements.ts';

export interface CeilingOptions {
  url: string;
  workload: WorkloadName;
  lanes: number;
  batchWritesMax: number;
}

export class Ceiling {
  readonly #options: CeilingOptions;
  #session: Session | null = null;
  #rows: pg.Client | null = null;

  constructor(options: CeilingOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { url, workload } = this.#options;
    if (isOfRows(workload)) {
      this.#rows = new pg.Client({ connectionString: url, application_name: 'sluice bench ceiling' });
      await this.#rows.connect();
      return;
    }
    this.#session = await Session.open({ url, applicationName: 'sluice bench ceiling' });
  }

  async run(workload: Workload, window: Window): Promise<WindowResult> {
    window.begin();
    let documents = 0;
    let stored = 0;
    let elapsedMs = 0;
    // Counts whole batches that start within the window; at least one, however long it takes.
    while (!window.isOver || documents === 0) {
      const batch = this.#makeBatch(workload);
      const store = this.#storing(workload, batch);
      const { isWarm } = window;
      const startedAt = performance.now();
      await store();
      stored += batch.filter(({ isDuplicate }) => isDuplicate !== true).length;
      if (!isWarm) continue;
      documents += batch.length;
      elapsedMs += performance.now() - startedAt;
    }
    return { documents, stored, elapsedMs, latencies: new Float64Array(0) };
  }

  #makeBatch(workload: Workload): BenchDocument[] {
    const documents: BenchDocument[] = [];
    while (documents.length < this.#options.batchWritesMax) {
      const document = workload.next();
      if (document === null) break;
      documents.push(document);
    }
    return documents;
  }

  /** The function that stores the batch; everything else is prepared. */
  #storing(workload: Workload, batch: readonly BenchDocument[]): () => Promise<void> {
    const [session, rows] = [this.#session, this.#rows];
    if (rows !== null) return () => insertRows(rows, batch);
    if (session === null) throw new Error('Cannot run before the start');
    const { lanes } = this.#options;
    const { cascadeDocumentsMax } = defaults;
    const settle = settleOptions(workload.model, { lanes, cascadeDocumentsMax });
    const writes = batch.map((document, index) => writeOf(describe(workload.model, document, lanes), index));
    return async () => {
      const report = await settleBatch(session, memoryOrigin(writes), settle);
      if (report.outcomes.length < writes.length)
        throw new Error(`Cannot settle the batch: ${report.errors.join(', ')}`);
    };
  }

  async stop(): Promise<void> {
    await this.#session?.close();
    await this.#rows?.end();
  }
}

function writeOf(described: DescribedDocument, position: number): Write {
  return {
    ...described,
    writeId: uuidv7(),
    position,
    operation: 'upsert',
    documentId: uuidv7(),
    ifMatch: null,
    client: '',
    idempotencyKey: null,
    referenceDeadline: null,
    wasBlocked: false,
    waitedSeconds: null,
    traceparent: null,
    form: null,
    node: 0,
  };
}
