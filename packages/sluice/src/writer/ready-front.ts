/**
 * The low-water mark of each lane: where its ready writes begin. While a transaction elsewhere stays open, no dead
 * row is removed. A read from the start of a lane would then pass all settled writes, batch after batch. Positions
 * are given before the commit, so a lower position may appear later. If such a write were found after later writes,
 * the order of its document would break. So a mark follows settled writes only after two events: every transaction
 * that wrote to the intake then has ended, and a batch that was read afterwards is settled. Catch-up scans ignore the
 * marks: one at each take-over, and then at most one a second (sql/README.md, low-water marks).
 */
import type { BatchReport, Front } from '#batch';

/** Interval for reading the transactions that write to the intake, in milliseconds. */
const lookIntervalMs = 50;
/** Writes from one such read to the next. It reads all locks of the server, which costs more than to pass some hundred dead rows. */
const lookWrites = 64;
/** Most pending marks, if writing transactions take longer than that. */
const comingMax = 4;
const scanIntervalMs = 1000;
/** Largest share of time for catch-up scans. */
const scanShare = 0.005;

type Marks = Map<number, number>;

interface Coming {
  /** The settled positions at the read that made it. */
  marks: Marks;
  /** The transactions that were writing then. */
  writing: ReadonlySet<string>;
  hasEnded: boolean;
}

interface ReadyFrontOptions {
  lanes: number;
  batchWritesMax: number;
  /** @default the process's clock */
  now?: () => number;
}

export class ReadyFront {
  readonly #options: ReadyFrontOptions;
  readonly #now: () => number;
  /** Reads start after these positions. */
  readonly #marks: Marks = new Map();
  #coming: Coming[] = [];
  readonly #settled: Marks = new Map();
  #nextLookAt = Number.NEGATIVE_INFINITY;
  /** Writes of batches since the last look. */
  #passed = 0;
  #nextScanAt = Number.NEGATIVE_INFINITY;
  /** What the present catch-up scan has taken so far. */
  #scan: { tookMs: number } | null = null;
  /** The last batch was full, so more writes wait. */
  #isBehind = false;

  constructor(options: ReadyFrontOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The position after which to look for ready writes of a lane: its low-water mark, or 0 during a catch-up scan. */
  readonly behind = (lane: number): number => (this.#scan === null ? (this.#marks.get(lane) ?? 0) : 0);

  /** Where a batch of this many lanes starts to read. */
  forBatch(lanes: number): Front {
    const isLookDue = this.#passed >= lookWrites && this.#now() >= this.#nextLookAt;
    return {
      behind: this.behind,
      // These lanes have their share of the positions after the settled ones.
      near: this.#isBehind
        ? this.#lastSettled + Math.ceil((this.#options.batchWritesMax * this.#options.lanes) / lanes)
        : 0,
      onWriting: isLookDue ? (writing) => this.look(writing) : null,
    };
  }

  /** The last position that was settled in any lane. */
  get #lastSettled(): number {
    return Math.max(0, ...this.#settled.values());
  }

  /** These transactions were writing to the intake just before the ready writes of a batch were read. */
  look(writing: readonly string[]): void {
    this.#nextLookAt = this.#now() + lookIntervalMs;
    this.#passed = 0;
    for (const coming of this.#coming)
      coming.hasEnded ||= !writing.some((transaction) => coming.writing.has(transaction));
    if (this.#coming.length < comingMax)
      this.#coming.push({ marks: new Map(this.#settled), writing: new Set(writing), hasEnded: false });
  }

  /** The ready writes of these lanes were read into a batch, and settled as in the report. */
  noteBatch(lanes: readonly number[], report: Pick<BatchReport, 'outcomes' | 'deferred' | 'blocked'>): void {
    const seen = report.outcomes.length + report.deferred.length + report.blocked.length;
    this.#isBehind = seen >= this.#options.batchWritesMax;
    this.#passed += seen;
    if (seen > 0) this.raise(lanes, settledUpTo(report));
  }

  /** Up to this position, no write that the last batch could see is ready in these lanes. */
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

  /** Removes the marks of lanes that are led no longer. */
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

  /** Starts a catch-up scan if one is due, and always if lanes were just taken. */
  scan({ isDue = this.#marks.size > 0 && this.#now() >= this.#nextScanAt } = {}): void {
    if (isDue) this.#scan ??= { tookMs: 0 };
  }

  /** A read of the catch-up scan took this long. */
  noteRead(milliseconds: number): void {
    if (this.#scan !== null) this.#scan.tookMs += milliseconds;
  }

  /** Ends the catch-up scan, if there was one. */
  endScan(): void {
    if (this.#scan === null) return;
    this.#nextScanAt = this.#now() + Math.max(scanIntervalMs, this.#scan.tookMs / scanShare);
    this.#scan = null;
  }
}

/** A batch takes the first writes, so up to its last position no write is ready, except for deferred ones. */
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
