/**
 * Where the ready writes of each lane begin: its low-water mark. While some transaction elsewhere stays open nothing dead is
 * removed, and a read from the start of a lane would pass over all that was settled since, batch after batch. A position is
 * given before it is committed, so a position may appear below what has been settled; found later than what was submitted
 * after it, it would break the order of its document. So a mark follows what was settled only after every transaction has
 * ended that wrote to the intake then, and a batch that was read afterwards has been settled. Catch-up scans ignore the marks:
 * one at each take-over, and then one a second or fewer (sql/README.md, low-water marks).
 */
import type { BatchReport, Front } from '#batch';

/** The transactions that write to the intake are asked for so often. */
const lookIntervalMs = 50;
/** Marks to come, where transactions that write take longer than that. */
const comingMax = 4;
const scanIntervalMs = 1000;
/** Catch-up scans take at most this share of the time. */
const scanShare = 0.005;

type Marks = Map<number, number>;

interface Coming {
  /** What had been settled at the look that made it. */
  marks: Marks;
  /** The transactions that wrote then. */
  writing: ReadonlySet<string>;
  hasEnded: boolean;
}

export interface ReadyFrontOptions {
  lanes: number;
  batchWritesMax: number;
  /** @default the process's clock */
  now?: () => number;
}

export class ReadyFront {
  readonly #options: ReadyFrontOptions;
  readonly #now: () => number;
  /** What reads begin behind. */
  readonly #marks: Marks = new Map();
  #coming: Coming[] = [];
  readonly #settled: Marks = new Map();
  #nextLookAt = Number.NEGATIVE_INFINITY;
  #nextScanAt = Number.NEGATIVE_INFINITY;
  /** What the catch-up scan under way has taken so far. */
  #scan: { tookMs: number } | null = null;
  /** The last batch was full: more writes are waiting. */
  #isBehind = false;

  constructor(options: ReadyFrontOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The position behind which to look for ready writes of a lane: its low-water mark, or 0 during a catch-up scan. */
  readonly behind = (lane: number): number => (this.#scan === null ? (this.#marks.get(lane) ?? 0) : 0);

  /** Where a batch of so many lanes begins to read. */
  forBatch(lanes: number): Front {
    const isLookDue = this.#now() >= this.#nextLookAt;
    return {
      behind: this.behind,
      // Among the positions behind what was settled, of all lanes, these lanes have their share.
      near: this.#isBehind
        ? this.#lastSettled + Math.ceil((this.#options.batchWritesMax * this.#options.lanes) / lanes)
        : 0,
      onWriting: isLookDue ? (writing) => this.look(writing) : null,
    };
  }

  /** The last position that was settled in any of the lanes. */
  get #lastSettled(): number {
    return Math.max(0, ...this.#settled.values());
  }

  /** These transactions wrote to the intake, at a moment before the ready writes of a batch were read. */
  look(writing: readonly string[]): void {
    this.#nextLookAt = this.#now() + lookIntervalMs;
    for (const coming of this.#coming)
      coming.hasEnded ||= !writing.some((transaction) => coming.writing.has(transaction));
    if (this.#coming.length < comingMax)
      this.#coming.push({ marks: new Map(this.#settled), writing: new Set(writing), hasEnded: false });
  }

  /** What was ready in these lanes has been read into a batch, and settled as the report says. */
  noteBatch(lanes: readonly number[], report: Pick<BatchReport, 'outcomes' | 'deferred' | 'blocked'>): void {
    const seen = report.outcomes.length + report.deferred.length + report.blocked.length;
    this.#isBehind = seen >= this.#options.batchWritesMax;
    if (seen > 0) this.raise(lanes, settledUpTo(report));
  }

  /** Up to this position nothing that the last batch could see is ready any more in the lanes it was read from. */
  raise(lanes: readonly number[], position: number): void {
    for (const { marks } of this.#coming.filter(({ hasEnded }) => hasEnded)) {
      for (const lane of lanes) {
        const mark = marks.get(lane) ?? 0;
        if (mark > (this.#marks.get(lane) ?? 0) && mark <= position) this.#marks.set(lane, mark);
      }
    }
    this.#coming = this.#coming.filter(({ hasEnded }) => !hasEnded);
    for (const lane of lanes) this.#settled.set(lane, Math.max(this.#settled.get(lane) ?? 0, position));
  }

  /** A write of this position is ready again. */
  lower(position: number): void {
    for (const marks of this.#all) {
      for (const [lane, mark] of marks) if (mark >= position) marks.set(lane, position - 1);
    }
  }

  /** Of lanes that are led no longer nothing is known. */
  keepOnly(led: ReadonlyMap<number, unknown>): void {
    for (const marks of this.#all) {
      for (const lane of marks.keys()) if (!led.has(lane)) marks.delete(lane);
    }
  }

  get #all(): Marks[] {
    return [this.#marks, this.#settled, ...this.#coming.map(({ marks }) => marks)];
  }

  get isScanning(): boolean {
    return this.#scan !== null;
  }

  /** A catch-up scan begins if one is due, and at once if lanes were just taken. */
  scan({ isDue = this.#marks.size > 0 && this.#now() >= this.#nextScanAt } = {}): void {
    if (isDue) this.#scan ??= { tookMs: 0 };
  }

  /** A read of the catch-up scan took so long. */
  noteRead(milliseconds: number): void {
    if (this.#scan !== null) this.#scan.tookMs += milliseconds;
  }

  /** The catch-up scan is over, if there was one. */
  endScan(): void {
    if (this.#scan === null) return;
    this.#nextScanAt = this.#now() + Math.max(scanIntervalMs, this.#scan.tookMs / scanShare);
    this.#scan = null;
  }
}

/** A batch takes what comes first: up to its last position nothing is ready any more, except what it has deferred. */
function settledUpTo({
  outcomes,
  deferred,
  blocked,
}: Pick<BatchReport, 'outcomes' | 'deferred' | 'blocked'>): number {
  let last = 0;
  for (const { write } of outcomes) last = Math.max(last, write.position);
  for (const { write } of blocked) last = Math.max(last, write.position);
  for (const { position } of deferred) last = Math.max(last, position);
  for (const { position } of deferred) last = Math.min(last, position - 1);
  return last;
}
