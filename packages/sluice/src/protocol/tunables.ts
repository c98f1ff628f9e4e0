/**
 * Limits and intervals, each declared once: its default, its range, what it does, and, where it is seldom right to change it,
 * what that costs. Options of the library, flags, environment variables, keys of the configuration file, help and
 * docs/settings.md come from here. Units are in the names.
 */
export interface Tunable {
  default: number;
  from: number;
  to: number;
  help: string;
  /** Set in the configuration file only: what a change costs. */
  cost?: string;
}

const declare = <K extends string>(all: Record<K, Tunable>): Readonly<Record<K, Tunable>> => all;

const MiB = 1024 * 1024;
const tenMinutesMs = 600_000;

/** Of a client: what a node embeds. */
export const clientTunables = declare({
  lanes: {
    default: 16,
    from: 1,
    to: 1024,
    help: 'ordered partitions of the intake; all processes must agree',
  },
  pollIntervalMs: {
    default: 250,
    from: 1,
    to: 60_000,
    help: 'look without a hint at least this often',
  },
  waitMs: {
    default: 30_000,
    from: 1,
    to: tenMinutesMs,
    help: 'how long a request waits for its outcome before its write is cancelled',
  },
  waitingWritesMax: {
    default: 10_000,
    from: 0,
    to: 1_000_000,
    help: 'writes that may wait on this node; the next one is refused as overloaded',
  },
  highWaterWrites: {
    default: 200_000,
    from: 1,
    to: 1_000_000_000,
    help: 'arrivals since the oldest write that waits its turn in a lane, from which on the lane takes no more, until half of it',
  },
  highWaterMs: {
    default: 30_000,
    from: 1,
    to: 86_400_000,
    help: 'age of that write from which on the lane takes no more',
  },
  leaderGraceMs: {
    default: 5_000,
    from: 0,
    to: tenMinutesMs,
    help: 'how long a lane may be without a leader before its writes are refused',
  },
  drainMs: {
    default: 10_000,
    from: 0,
    to: tenMinutesMs,
    help: 'how long writes may still wait once the process is told to stop; those left are cancelled, definitely',
  },
  fastPathWritesMax: {
    default: 0,
    from: 0,
    to: 512,
    help: 'largest group of writes that an idle node commits itself, if its database role may (docs/fast-path.md); 0: all go through the intake',
  },
  maxBatchWrites: {
    default: 512,
    from: 1,
    to: 10_000,
    help: 'local mode: writes in one batch at most',
  },
  maxBatchDelayMs: {
    default: 0,
    from: 0,
    to: 10_000,
    help: 'local mode: how long a write waits for others of its batch while the batch has fewer than maxBatchWrites; must be below waitMs',
  },
  blockedWritesMax: {
    default: 100_000,
    from: 0,
    to: 100_000_000,
    help: 'writes of one client that may wait for references',
  },
  cascadeDocumentsMax: {
    default: 10_000,
    from: 0,
    to: 1_000_000,
    help: 'documents that a change of identity may rewrite',
    cost: 'one transaction rewrites all of them; while it runs, its lanes commit nothing else',
  },
  documentBytesMax: {
    default: 20 * MiB,
    from: 1,
    to: 256 * MiB,
    help: 'largest document as PostgreSQL writes it out, with every digit of its numbers; a node takes at least twice bodyBytesMax',
    cost: 'a node holds a document of this size several times over while it reads one',
  },
  pageBytesMax: {
    default: 16 * MiB,
    from: 1,
    to: 256 * MiB,
    help: 'bytes of documents from which on a page ends early; it holds at least one',
    cost: 'memory of the node for each page under way',
  },
});

/** Of a client, for programs that embed one: no setting of the command line. */
export const embeddedTunables = declare({
  flushWritesMax: {
    default: 512,
    from: 1,
    to: 10_000,
    help: 'writes in one insert into the intake',
  },
  sessionsMax: {
    default: 32,
    from: 1,
    to: 1000,
    help: 'sessions that commit writes in direct mode; in local mode the default is 2',
  },
  connectionsMax: { default: 8, from: 1, to: 1000, help: 'connections for reads' },
  answerTimeoutMs: {
    default: 35_000,
    from: 0,
    to: 3_600_000,
    help: "how long a statement's answer is awaited before its connection counts as lost; 0: for ever",
  },
});

/** Of a writer; those that a client has, too, are declared there. */
export const writerTunables = declare({
  lanes: clientTunables.lanes,
  pollIntervalMs: clientTunables.pollIntervalMs,
  cascadeDocumentsMax: clientTunables.cascadeDocumentsMax,
  sessions: { default: 1, from: 1, to: 64, help: 'sessions of a writer that share its lanes' },
  batchWritesMax: {
    default: 512,
    from: 1,
    to: 10_000,
    help: 'writes committed in one transaction at most',
  },
  retentionHours: {
    default: 24,
    from: 1,
    to: 8760,
    help: 'how long outcomes and idempotency keys are kept after the write was settled',
  },
});

/** Of the HTTP API: what a node takes from its clients. */
export const apiTunables = declare({
  bodyBytesMax: {
    default: 10 * MiB,
    from: 1024,
    to: 256 * MiB,
    help: 'largest document, or line of a bulk request',
  },
  bodyDepthMax: {
    default: 64,
    from: 1,
    to: 1_000,
    help: 'objects and arrays of a document inside one another',
    cost: 'deep documents take more stack and more time to check',
  },
  bodyKeysMax: {
    default: 100_000,
    from: 1,
    to: 10_000_000,
    help: 'keys of all objects of a document together',
    cost: 'one document may take this much longer to check, and the node does nothing else meanwhile',
  },
  arrayLengthMax: {
    default: 100_000,
    from: 1,
    to: 10_000_000,
    help: 'elements of one array of a document',
    cost: 'as bodyKeysMax, and one document may hold that many references',
  },
  stringBytesMax: {
    default: MiB,
    from: 1,
    to: 256 * MiB,
    help: 'longest string of a document',
    cost: 'memory, and the time that checks of the string take',
  },
  headerBytesMax: {
    default: 16 * 1024,
    from: 1024,
    to: MiB,
    help: 'line and headers of a request',
    cost: 'memory for each connection, before anybody is authenticated',
  },
  headerTimeoutMs: {
    default: 10_000,
    from: 1,
    to: tenMinutesMs,
    help: 'in which the headers of a request must have come',
    cost: 'longer, a slow client holds a connection for longer before anybody is authenticated',
  },
  bodyTimeoutMs: {
    default: 60_000,
    from: 1,
    to: 3_600_000,
    help: 'in which its body must have come; of a bulk request, more of it',
    cost: 'longer, a slow client holds its connection and its memory for longer',
  },
  readerTimeoutMs: {
    default: 60_000,
    from: 1,
    to: 3_600_000,
    help: 'in which a client must take more of an answer',
    cost: 'longer, a client that does not read holds the answer in memory for longer',
  },
  readBytesMax: {
    default: 128 * MiB,
    from: MiB,
    to: 65_536 * MiB,
    help: 'bytes of documents that this node holds for the answers under way',
    cost: 'memory of the node; less of it makes large reads wait for one another',
  },
  bodiesBytesMax: {
    default: 128 * MiB,
    from: MiB,
    to: 65_536 * MiB,
    help: 'bytes of large bodies that this node holds for the writes under way',
    cost: 'memory of the node; less of it refuses large writes sooner',
  },
  clientRequestsMax: {
    default: 10_000,
    from: 1,
    to: 1_000_000,
    help: 'requests of one client under way on this node',
  },
  clientRate: {
    default: 0,
    from: 0,
    to: 1_000_000,
    help: 'requests and bulk lines of one client a second on this node; 0 sets no limit',
  },
});

export const tunables = { ...clientTunables, ...embeddedTunables, ...writerTunables, ...apiTunables };
export type TunableName = keyof typeof tunables;
export type ClientTunable = keyof typeof clientTunables | keyof typeof embeddedTunables;
export type WriterTunable = keyof typeof writerTunables;
export type ApiTunable = keyof typeof apiTunables;

/** The values that hold where nothing else is set. */
export const defaults: Readonly<Record<TunableName, number>> = defaultsOf(tunables);

export function defaultsOf<K extends string>(all: Readonly<Record<K, Tunable>>): Record<K, number> {
  const values = Object.entries<Tunable>(all).map(([name, tunable]) => [name, tunable.default]);
  return Object.fromEntries(values) as Record<K, number>;
}
