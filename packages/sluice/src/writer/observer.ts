/** Events of a writer, for metrics. An observer must be fast and never throw. */
import type { BatchReport } from '#batch';

/**
 * What made an idle session read the intake. `hint`: a notification; `poll`: a heartbeat found work, because no
 * notifications arrive; `missed_hint`: a heartbeat found work although they do.
 */
export type WokenBy = 'hint' | 'poll' | 'missed_hint';

/** `deposed`: another session leads now; `connection_lost`; `failed`: any other reason. */
export type SessionEnd = 'deposed' | 'connection_lost' | 'failed';

export interface WriterObserver {
  settled(report: BatchReport): void;
  woken(by: WokenBy): void;
  /** This many leaderships have begun. */
  led(lanes: number): void;
  sessionEnded(how: SessionEnd): void;
}
