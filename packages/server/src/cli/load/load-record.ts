/** The state of a load: counts, latencies, and the first documents that were not accepted. */
import { Latency } from './latency.ts';
import type { LoadLine } from './load-line.ts';
import type { BrokenLine } from './read-lines.ts';
import type { Answer, MissingReference } from './submit.ts';

export interface LoadFailure {
  line: string;
  endpoint: string | null;
  /** HTTP status; 0: no answer. */
  status: number;
  code: string;
}

/** A document that was refused because of missing references. */
export interface LoadRefusal {
  line: string;
  endpoint: string;
  code: string;
  missing: MissingReference[];
}

export interface LoadTally {
  /** Documents that were taken from the lines. */
  submitted: number;
  /** Documents with an answer. */
  documents: number;
  /** Documents known to wait for others. */
  blocked: number;
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  retries: number;
  seconds: number;
  documentsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export interface LoadReport extends Omit<LoadTally, 'blocked'> {
  /** The first ones. */
  failures: LoadFailure[];
  /** The first failures with missing references. */
  refused: LoadRefusal[];
  /** Documents that still waited for others at the end, because the load was interrupted. */
  blockedLeft: number;
  /** The load ended before its last line was answered. */
  isInterrupted: boolean;
}

export interface LoadRecordOptions {
  failuresShown?: number;
  onProgress?: (readTally: () => LoadTally) => void;
}

export class LoadRecord {
  readonly #failuresShown: number;
  readonly #onProgress: ((readTally: () => LoadTally) => void) | undefined;
  readonly #latency = new Latency();
  readonly #failures: LoadFailure[] = [];
  readonly #refused: LoadRefusal[] = [];
  readonly #counts = { created: 0, updated: 0, unchanged: 0, failed: 0, retries: 0 };
  readonly #started = performance.now();
  #submitted = 0;
  #ended = 0;
  /** Set when it is known. */
  blocked = 0;

  constructor({ failuresShown = 20, onProgress }: LoadRecordOptions) {
    this.#failuresShown = failuresShown;
    this.#onProgress = onProgress;
  }

  submit(): void {
    this.#submitted += 1;
  }

  /** Records a line that cannot be submitted. */
  breakOff({ source, fault }: BrokenLine): void {
    this.#fail({ line: source, endpoint: null, status: 0, code: `line ${fault}` });
  }

  /** @param startedAt by `performance.now()` */
  settle(
    { source, endpoint }: Pick<LoadLine, 'source' | 'endpoint'>,
    answer: Answer,
    startedAt: number,
  ): void {
    const { applied, status, code, missing, retries } = answer;
    this.#latency.record(performance.now() - startedAt);
    this.#counts.retries += retries;
    if (applied !== null) this.#counts[applied] += 1;
    else {
      this.#fail({ line: source, endpoint, status, code });
      if (missing.length > 0 && this.#refused.length < this.#failuresShown)
        this.#refused.push({ line: source, endpoint, code, missing });
    }
    this.progress();
  }

  progress(): void {
    this.#onProgress?.(this.#readTally);
  }

  end(): void {
    this.#ended = performance.now();
  }

  report(isInterrupted: boolean): LoadReport {
    const { blocked, ...tally } = this.#readTally();
    const [failures, refused] = [this.#failures, this.#refused];
    return { ...tally, failures, refused, blockedLeft: blocked, isInterrupted };
  }

  #fail(failure: LoadFailure): void {
    this.#counts.failed += 1;
    if (this.#failures.length < this.#failuresShown) this.#failures.push(failure);
  }

  readonly #readTally = (): LoadTally => {
    const { created, updated, unchanged, failed } = this.#counts;
    const documents = created + updated + unchanged + failed;
    const seconds = ((this.#ended || performance.now()) - this.#started) / 1000;
    return {
      submitted: this.#submitted,
      documents,
      blocked: this.blocked,
      ...this.#counts,
      seconds: Number(seconds.toFixed(3)),
      documentsPerSecond: Math.round(documents / Math.max(seconds, 0.001)),
      p50Ms: this.#latency.percentileMs(50),
      p99Ms: this.#latency.percentileMs(99),
    };
  };
}
