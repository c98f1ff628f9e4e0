/** What the page and its server say to each other, as JSON. Only types, so that nothing of the server reaches the page. */
import type {
  ActivityMinute,
  ChainLink,
  LaneActivity,
  LaneStatus,
  ShownWrite,
  StuckFilter,
  StuckWrite,
  WriterStatus,
} from 'sluice/operator';

/** The visitor, and the visitor's rights. */
export interface Session {
  /** Empty: no authentication. */
  client: string;
  isReadOnly: boolean;
  maySeeBodies: boolean;
  /** Each reason as the end of the sentence "It …". */
  reasons: Record<string, string>;
}

export interface LaneView extends LaneStatus {
  /** Null: nothing was settled in it of late. */
  activity: Omit<LaneActivity, 'lane'> | null;
}

/** Events of the live stream by name. Each carries what has changed since the one before; the first carries everything. */
export interface LiveEvents {
  /** When it was read, by the database's clock; comes last of what was read together. */
  read: { at: string; deadLetters: number; deadLettersAreBounded: boolean };
  lanes: { lanes: LaneView[]; count: number };
  writers: { writers: WriterStatus[] };
  /** Minutes of the last hour. */
  activity: { minutes: ActivityMinute[] };
  /** The page cannot read the database now. */
  failed: { message: string };
}

export interface ListedWrite extends StuckWrite {
  explanation: string;
}

export interface WriteList {
  writes: ListedWrite[];
  next: string | null;
}

export interface ExplainedLink extends ChainLink {
  explanation: string;
}

export interface WriteView extends ShownWrite {
  explanation: string | null;
  laneExplanation: string | null;
  chain: ExplainedLink[];
}

/** Ids of writes that may be meant, waiting writes and dead letters described. */
export interface Found {
  writeIds: string[];
  writes: ListedWrite[];
}

export type ActionTarget = { writeIds: readonly string[] } | { matching: StuckFilter };

export interface Problem {
  title: string;
  detail: string;
  code: string;
  status: number;
}
