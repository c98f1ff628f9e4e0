/** The messages between the page and its server, as JSON. Only types, so that no code of the server reaches the page. */
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
  /** The data store of this page; null: the deployment has only one. */
  store: string | null;
  /** Whether `/dashboard/` leads to the other data stores. At the host of a store it is the page of that store. */
  hasPicker: boolean;
  isReadOnly: boolean;
  maySeeBodies: boolean;
  /** Each reason as the end of the sentence "It …". */
  reasons: Record<string, string>;
}

export interface LaneView extends LaneStatus {
  /** Null: nothing was settled in it recently. */
  activity: Omit<LaneActivity, 'lane'> | null;
}

/** Events of the live stream by name. Each has the changes since the last one; the first has everything. */
export interface LiveEvents {
  /** When the data was read, by the database's clock; the last event of each read. */
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

/** Ids of writes that the text may mean; waiting writes and dead letters with details. */
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
