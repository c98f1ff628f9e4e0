/** What a writer tells of its work while it does it, for metrics. An observer is quick and never throws. */
import type { BatchReport } from '#batch';

/**
 * What made an idle session look at the intake. `hint`: a notification; `poll`: a heartbeat found work, because no notifications
 * arrive; `missed_hint`: a heartbeat found work although they do.
 */
export type WokenBy = 'hint' | 'poll' | 'missed_hint';

/** `deposed`: another leads by now; `connection_lost`; `failed`: for any other reason. */
export type SessionEnd = 'deposed' | 'connection_lost' | 'failed';

export interface WriterObserver {
  settled(report: BatchReport): void;
  woken(by: WokenBy): void;
  /** So many leaderships were begun. */
  led(lanes: number): void;
  sessionEnded(how: SessionEnd): void;
}
