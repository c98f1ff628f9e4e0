import { declare, MiB, tenMinutesMs } from './tunable.ts';

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
