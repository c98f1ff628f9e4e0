/**
 * The product's own commit code, fed with ready batches on one connection: no intake, no hints, nobody waiting. Making
 * the documents of a batch is not counted; all that a writer does to settle them is.
 */
import { memoryOrigin, settleBatch, settleOptions } from 'sluice/internal/batch';
import { defaults, type Write } from 'sluice/internal/protocol';
import { Session } from 'sluice/internal/store';
import { v7 as uuidv7 } from 'uuid';
import type { Window, WindowResult } from '../process/window.ts';
import { describe } from '../workload/bench-model.ts';
import type { Workload } from '../workload/workload.ts';

export interface CeilingOptions {
  url: string;
  lanes: number;
  batchWritesMax: number;
}

export class Ceiling {
  readonly #options: CeilingOptions;
  #session: Session | null = null;

  constructor(options: CeilingOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { url } = this.#options;
    this.#session = await Session.open({ url, applicationName: 'sluice bench ceiling' });
  }

  async run(workload: Workload, window: Window): Promise<WindowResult> {
    const session = this.#session;
    if (session === null) throw new Error('Cannot run before the start');
    const settle = settleOptions(workload.model, {
      lanes: this.#options.lanes,
      cascadeDocumentsMax: defaults.cascadeDocumentsMax,
    });
    window.begin();
    let documents = 0;
    let stored = 0;
    let elapsedMs = 0;
    // Whole batches count, those that begin within the window; at least one, however long it takes.
    while (!window.isOver || documents === 0) {
      const writes = this.#makeBatch(workload);
      const { isWarm } = window;
      const startedAt = performance.now();
      const report = await settleBatch(session, memoryOrigin(writes), settle);
      if (report.outcomes.length < writes.length) {
        throw new Error(`Cannot settle the batch: ${report.errors.join(', ')}`);
      }
      stored += report.outcomes.length;
      if (!isWarm) continue;
      documents += report.outcomes.length;
      elapsedMs += performance.now() - startedAt;
    }
    return { documents, stored, elapsedMs, latencies: new Float64Array(0) };
  }

  #makeBatch(workload: Workload): Write[] {
    const writes: Write[] = [];
    while (writes.length < this.#options.batchWritesMax) {
      const document = workload.next();
      if (document === null) break;
      writes.push({
        ...describe(workload.model, document, this.#options.lanes),
        writeId: uuidv7(),
        position: writes.length,
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
      });
    }
    return writes;
  }

  async stop(): Promise<void> {
    await this.#session?.close();
  }
}
