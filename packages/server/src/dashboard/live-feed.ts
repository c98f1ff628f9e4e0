/**
 * The live data of the page, read from the database once for all viewers, and only while there is one. After a read
 * it rests nine times as long as the read took.
 */
import {
  countDeadLetters,
  listLanes,
  listWriters,
  readActivity,
  readClock,
  readLaneActivity,
  type LaneActivity,
} from 'sluice/operator';
import type { Database } from 'sluice/internal/store';
import { sentenceOf } from './database-trouble.ts';
import type { LaneView, LiveEvents } from './page/messages.ts';

/** Parts are kept as JSON, so that each viewer gets only changed ones. */
export interface LiveState {
  lanes: ReadonlyMap<number, string>;
  /** By the start of the minute. */
  minutes: ReadonlyMap<string, string>;
  writers: string;
  read: LiveEvents['read'];
  /** Why the database could not be read. */
  failure: string | null;
}

export interface LiveFeedOptions {
  intervalMs?: number;
  onError?: (error: unknown) => void;
}

const restFactor = 9;
const minuteMs = 60_000;
const hourMinutes = 60;
/** Many writes of the last minutes may still be settled; older minutes are read again now and then. */
const freshMs = 5 * minuteMs;
const againMs = { fresh: 10_000, old: 120_000 };
/** Minutes read by one query, and the time for such queries, so that the lanes do not wait for the plots. */
const minutesAtOnce = 8;
const plotsMs = 300;

export class LiveFeed {
  readonly #database: Database;
  readonly #intervalMs: number;
  readonly #onError: LiveFeedOptions['onError'];
  #state: LiveState = {
    lanes: new Map(),
    minutes: new Map(),
    writers: '[]',
    read: { at: '', deadLetters: 0, deadLettersAreBounded: false },
    failure: null,
  };
  #viewers = 0;
  #isClosed = false;
  #isRunning = false;
  readonly #waiting = new Set<() => void>();
  #wake: (() => void) | null = null;
  /** When each minute was last read. */
  readonly #minutesRead = new Map<string, number>();

  constructor(database: Database, { intervalMs = 1_000, onError }: LiveFeedOptions = {}) {
    this.#onError = onError;
    this.#database = database;
    this.#intervalMs = intervalMs;
  }

  /** Each new state, starting with the last one. Ends when the feed is closed. */
  async *watch(): AsyncGenerator<LiveState> {
    this.#viewers += 1;
    try {
      if (!this.#isRunning) void this.#run();
      else if (this.#state.read.at !== '') yield this.#state;
      while (!this.#isClosed) {
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
        if (!this.#isClosed) yield this.#state;
      }
    } finally {
      this.#viewers -= 1;
      if (this.#viewers === 0) this.#wake?.();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#wake?.();
    this.#publish({});
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#viewers > 0 && !this.#isClosed) {
      const started = performance.now();
      try {
        await this.#read();
      } catch (error) {
        this.#onError?.(error);
        this.#publish({ failure: sentenceOf(error) });
      }
      const took = performance.now() - started;
      await this.#rest(Math.max(this.#intervalMs, restFactor * took));
    }
    this.#isRunning = false;
  }

  async #read(): Promise<void> {
    const database = this.#database;
    const at = await readClock(database);
    const activity = new Map((await readLaneActivity(database)).map((lane) => [lane.lane, lane]));
    const lanes = (await listLanes(database)).map((lane): LaneView => {
      return { ...lane, activity: roundedActivity(activity.get(lane.lane)) };
    });
    const writers = JSON.stringify(await listWriters(database));
    const { count, isBounded } = await countDeadLetters(database);
    this.#publish({
      lanes: new Map(lanes.map((lane) => [lane.lane, JSON.stringify(lane)])),
      writers,
      read: { at, deadLetters: count, deadLettersAreBounded: isBounded },
      failure: null,
    });
    await this.#readMinutes(Date.parse(at));
  }

  /** For the plots, which come a moment later than the rest: a part of the hour at a time. */
  async #readMinutes(now: number): Promise<void> {
    const hour = Array.from({ length: hourMinutes }, (_, back) => beginning(now, back));
    const minutes = new Map(this.#state.minutes);
    const end = performance.now() + plotsMs;
    do {
      const due = this.#minutesDue(hour);
      for (const minute of await readActivity(this.#database, due))
        minutes.set(minute.minute, JSON.stringify(minute));
      for (const minute of due) this.#minutesRead.set(minute, performance.now());
    } while (performance.now() < end && hour.some((minute) => !this.#minutesRead.has(minute)));
    const oldest = hour.at(-1) ?? '';
    for (const known of [minutes, this.#minutesRead])
      for (const minute of known.keys()) if (minute < oldest) known.delete(minute);
    this.#publish({ minutes });
  }

  /** The minutes to read, the latest first: always the present one, then those never read, then the others. */
  #minutesDue([current = '', ...hour]: readonly string[]): string[] {
    const now = performance.now();
    const newest = Date.parse(current);
    const isDue = (minute: string): boolean => {
      const readAt = this.#minutesRead.get(minute);
      const isFresh = newest - Date.parse(minute) <= freshMs;
      return readAt !== undefined && now - readAt > (isFresh ? againMs.fresh : againMs.old);
    };
    const unread = hour.filter((minute) => !this.#minutesRead.has(minute));
    return [current, ...unread, ...hour.filter(isDue)].slice(0, minutesAtOnce);
  }

  #publish(part: Partial<LiveState>): void {
    this.#state = { ...this.#state, ...part };
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  /** Rests until the time is over, or no viewer is left. */
  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function beginning(now: number, minutesBack: number): string {
  return new Date(Math.floor(now / minuteMs - minutesBack) * minuteMs).toISOString();
}

function roundedActivity(activity: LaneActivity | undefined): LaneView['activity'] {
  if (activity === undefined) return null;
  const { writesPerSecond, batchWrites, batchMs } = activity;
  return {
    writesPerSecond: Number(writesPerSecond.toPrecision(2)),
    batchWrites: Number(batchWrites.toPrecision(2)),
    batchMs: Number(batchMs.toPrecision(2)),
  };
}
