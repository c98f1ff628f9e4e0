import { declare, MiB, tenMinutesMs } from './tunable.ts';

/** Limits and intervals of the HTTP API. */
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
    help: 'largest depth of nested objects and arrays of a document',
    cost: 'deep documents need more stack and more time to check',
  },
  bodyKeysMax: {
    default: 100_000,
    from: 1,
    to: 10_000_000,
    help: 'largest number of keys in all objects of a document',
    cost: 'the check of one document takes longer, and the node does nothing else meanwhile',
  },
  arrayLengthMax: {
    default: 100_000,
    from: 1,
    to: 10_000_000,
    help: 'largest number of elements in one array of a document',
    cost: 'as for bodyKeysMax, and one document may have as many references',
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
    help: 'largest size of the request line and headers',
    cost: 'memory for each connection, before authentication',
  },
  headerTimeoutMs: {
    default: 10_000,
    from: 1,
    to: tenMinutesMs,
    help: 'longest time until the headers of a request have arrived',
    cost: 'a larger value lets a slow client hold a connection longer before authentication',
  },
  bodyTimeoutMs: {
    default: 60_000,
    from: 1,
    to: 3_600_000,
    help: 'longest time until the body of a request has arrived; for a bulk request, until more of it has arrived',
    cost: 'a larger value lets a slow client hold its connection and memory longer',
  },
  readerTimeoutMs: {
    default: 60_000,
    from: 1,
    to: 3_600_000,
    help: 'longest time in which a client reads nothing more of an answer',
    cost: 'a larger value lets a client that does not read keep the answer in memory longer',
  },
  readBytesMax: {
    default: 128 * MiB,
    from: MiB,
    to: 65_536 * MiB,
    help: 'largest number of bytes of documents that this node holds for answers under way',
    cost: 'memory of the node; with a smaller value, large reads wait for one another',
  },
  bodiesBytesMax: {
    default: 128 * MiB,
    from: MiB,
    to: 65_536 * MiB,
    help: 'largest number of bytes of large bodies that this node holds for writes under way',
    cost: 'memory of the node; with a smaller value, the node refuses large writes sooner',
  },
  clientRequestsMax: {
    default: 10_000,
    from: 1,
    to: 1_000_000,
    help: 'largest number of requests of one client under way on this node',
  },
  clientRate: {
    default: 0,
    from: 0,
    to: 1_000_000,
    help: 'largest number of requests and bulk lines of one client per second on this node; 0: no limit',
  },
});
