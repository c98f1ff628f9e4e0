/**
 * The heartbeat of a session that leads lanes. At each poll interval, at the latest after half a second, and earlier when a hint says that lanes may be
 * free, it takes or gives back lanes, and finds ready writes without a hint. No other part of the loop uses the
 * elector.
 */
import type { Found, Elector } from './elector.ts';
import type { LaneSessionOptions } from './lane-session-options.ts';
import type { ReadyFront } from './ready-front.ts';
import type { Wakeups } from './wakeups.ts';

interface HeartbeatOptions extends Pick<
  LaneSessionOptions,
  'pollIntervalMs' | 'isDeaf' | 'onLanes' | 'onDrain' | 'onNeighbour'
> {
  elector: Elector;
  front: ReadyFront;
  wakeups: Wakeups;
  /** Process id of the session's backend. */
  pid: number;
}

export interface Heard extends Found {
  /** Lanes were just taken. */
  hasTaken: boolean;
}

/** Poll interval while hints are wanted and do not arrive. */
const deafIntervalMs = 50;
/** Poll intervals from one heartbeat of a standby to the next. */
const standbyPolls = 2;
/** The server ends a session that is silent for 2 s, and a lease of 2 s has to be renewed before it ends. */
const intervalMsMax = 500;

export class Heartbeat {
  readonly #options: HeartbeatOptions;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Null: it is not time yet. */
  async runIfDue(): Promise<Heard | null> {
    const { elector, front, wakeups, pid, isDeaf, pollIntervalMs } = this.#options;
    if (!wakeups.takeHeartbeat()) return null;
    const before = elector.terms.size;
    front.scan();
    const began = performance.now();
    const found = await elector.heartbeat(front.behind, front.isScanning);
    const took = performance.now() - began;
    const taken = Math.max(0, elector.terms.size - before);
    // Lanes that were just taken are also read from the start.
    if (taken > 0) front.scan({ isDue: true });
    front.noteRead(took);
    const neighbour = neighbourOf(pid, found.sessionPids);
    // A standby has no lanes to poll. Where sessions watch each other, it hears of free ones.
    const isStandby = elector.terms.size === 0 && neighbour !== null;
    const restMs = isStandby ? standbyPolls * pollIntervalMs : pollIntervalMs;
    wakeups.nextHeartbeatIn(
      isDeaf() ? Math.min(deafIntervalMs, pollIntervalMs) : Math.min(intervalMsMax, restMs),
    );
    wakeups.heartbeats.note(Math.abs(elector.terms.size - before));
    this.#options.onNeighbour(neighbour);
    if (elector.terms.size !== before) this.#options.onLanes([...elector.terms.keys()], taken);
    if (found.isDraining) this.#options.onDrain();
    return { ...found, hasTaken: taken > 0 };
  }
}

/** The next session in a ring of all, by process ids. */
function neighbourOf(pid: number, sessionPids: readonly number[]): number | null {
  const next = sessionPids.find((other) => other > pid) ?? sessionPids[0];
  return next === undefined || next === pid ? null : next;
}
