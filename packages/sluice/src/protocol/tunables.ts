/**
 * Limits and intervals, each declared once: its default, its range, its effect and, if it is rarely changed, the cost
 * of a change. Options of the library, flags, environment variables, keys of the configuration file, help and
 * docs/reference/settings.md come from here. Names have units.
 */
import { apiTunables } from './api-tunables.ts';
import { declare, defaultsOf, MiB, tenMinutesMs } from './tunable.ts';

/** For a client, which a node embeds. */
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
    help: 'interval of polls when no hint arrives; at most 500 ms in a writer',
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
    help: 'largest number of writes that wait on this node; the next one is refused as overloaded',
  },
  highWaterWrites: {
    default: 200_000,
    from: 1,
    to: 1_000_000_000,
    help: 'positions from the oldest ready write of a lane to the newest, at which the lane accepts no more writes until the number is half of it',
  },
  highWaterMs: {
    default: 30_000,
    from: 1,
    to: 86_400_000,
    help: 'age of the oldest ready write at which the lane accepts no more writes until the age is half of it',
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
    help: 'how long writes may still wait on a stopping node; then it cancels them',
  },
  fastPathWritesMax: {
    default: 0,
    from: 0,
    to: 512,
    help: 'largest group of writes that an idle node commits itself, if its database role may (docs/modes.md); 0: all go through the intake',
  },
  maxBatchWrites: {
    default: 512,
    from: 1,
    to: 10_000,
    help: 'local mode: largest number of writes in a batch',
  },
  maxBatchDelayMs: {
    default: 0,
    from: 0,
    to: 10_000,
    help: 'local mode: how long a write waits for others of its batch while the batch is not full; must be shorter than a request waits',
  },
  blockedWritesMax: {
    default: 100_000,
    from: 0,
    to: 100_000_000,
    help: 'largest number of writes of one client that wait for references',
  },
  cascadeDocumentsMax: {
    default: 10_000,
    from: 0,
    to: 1_000_000,
    help: 'largest number of documents that a change of identity may rewrite',
    cost: 'one transaction rewrites all of them, and meanwhile its lanes commit nothing else',
  },
  documentBytesMax: {
    default: 20 * MiB,
    from: 1,
    to: 256 * MiB,
    help: 'largest document as PostgreSQL writes it out, with every digit of its numbers; a node uses at least twice bodyBytesMax',
    cost: 'a node holds a document of this size several times over while it reads one',
  },
  pageBytesMax: {
    default: 16 * MiB,
    from: 1,
    to: 256 * MiB,
    help: 'bytes of documents after which a page ends early; a page has at least one document',
    cost: 'memory of the node for each page under way',
  },
});

/** For programs that embed a client; not settings of the command line. */
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
    help: 'how long to wait for the answer of a statement before its connection counts as lost; 0: for ever',
  },
});

/** For a writer; those that a client has, too, are declared there. */
export const writerTunables = declare({
  lanes: clientTunables.lanes,
  pollIntervalMs: clientTunables.pollIntervalMs,
  cascadeDocumentsMax: clientTunables.cascadeDocumentsMax,
  sessions: { default: 1, from: 1, to: 64, help: 'sessions of a writer that share its lanes' },
  batchWritesMax: {
    default: 512,
    from: 1,
    to: 10_000,
    help: 'largest number of writes in a transaction',
  },
  retentionHours: {
    default: 24,
    from: 1,
    to: 8760,
    help: 'retention: how long outcomes and idempotency keys are kept after the write was settled',
  },
});

export const tunables = { ...clientTunables, ...embeddedTunables, ...writerTunables, ...apiTunables };
type TunableName = keyof typeof tunables;
export type ClientTunable = keyof typeof clientTunables | keyof typeof embeddedTunables;
export type WriterTunable = keyof typeof writerTunables;
export type ApiTunable = keyof typeof apiTunables;

/** The values without any setting. */
export const defaults: Readonly<Record<TunableName, number>> = defaultsOf(tunables);
