/** Assembles the parts of a client. The mode decides its path; the rest is the same in every mode. */
import { assertProjections } from '#batch';
import type { Model } from '#model';
import { FailureLog } from '#protocol';
import { Database, DatabaseClock, nodeNameIn } from '#store';
import { readTargets } from '#targets';
import { BlockedQuota } from './blocked-quota.ts';
import { Cancellations } from './cancellations.ts';
import type { CompleteOptions } from './complete-options.ts';
import { clientReads, type Run } from './client-reads.ts';
import { Completion } from './completion.ts';
import { CoordinatedPath } from './coordinated-path.ts';
import { createPath, type WritePath } from './create-path.ts';
import { DocumentReads } from './document-reads.ts';
import { EarlierWrites } from './earlier-writes.ts';
import { Readiness } from './readiness.ts';
import { RowRequests } from './row-requests.ts';
import { Waits } from './waits.ts';
import { WriteReads } from './write-reads.ts';
import { WriteRequests } from './write-requests.ts';
import { WritesUnderWay } from './writes-under-way.ts';

export interface ClientParts {
  database: Database;
  clock: DatabaseClock;
  waits: Waits;
  completion: Completion;
  path: WritePath;
  /** The path through the intake; null in the other modes. */
  intake: CoordinatedPath | null;
  readiness: Readiness;
  run: Run;
  requests: WriteRequests;
  rows: RowRequests;
  documents: DocumentReads;
  writes: WriteReads;
  earlier: EarlierWrites;
  underWay: WritesUnderWay;
}

/** @throws {SluiceError} `configuration_invalid` */
export function assembleClient(options: CompleteOptions, model: Model): ClientParts {
  assertProjections(options.projections, model);
  const { mode, onOverload, notifications, observer } = options;
  const failures = new FailureLog(options.logger);
  const onError = (error: unknown, doing: string): void => failures.note(error, doing);
  const database = new Database({
    url: options.url,
    schema: options.schema,
    applicationName: options.applicationName ?? nodeNameIn(options.schema),
    connectionsMax: options.connectionsMax,
    ...(options.answerTimeoutMs === undefined ? {} : { answerTimeoutMs: options.answerTimeoutMs }),
  });
  const clock = new DatabaseClock({
    database,
    process: { kind: 'node' },
    onError: (error) => onError(error, 'measure the clock'),
  });
  const waits = new Waits({ cancellations: new Cancellations(database.options), onError });
  const completion = new Completion({
    waits,
    database,
    listenUrl: options.listenUrl ?? options.url,
    // In the other modes, a node settles its own writes, so it only waits for writes of other nodes.
    notifications: notifications && mode === 'coordinated',
    pollIntervalMs: options.pollIntervalMs,
    observer,
    onError,
  });
  const run = clientReads(database, failures);
  const path = createPath(options, { waits, database, clock, run, onError });
  const readiness = new Readiness({ mode, onOverload, database, troubleOf: () => path.trouble });
  return {
    database,
    clock,
    waits,
    completion,
    path,
    readiness,
    intake: path instanceof CoordinatedPath ? path : null,
    underWay: new WritesUnderWay(options.waitingWritesMax, observer, options.store),
    ...requestParts(options, model, { database, clock, run }),
  };
}

/** The parts that read requests and answer them from the database. */
function requestParts(
  { lanes, blockedWritesMax, documentBytesMax, pageBytesMax, targets }: CompleteOptions,
  model: Model,
  { database, clock, run }: Pick<ClientParts, 'database' | 'clock' | 'run'>,
): Pick<ClientParts, 'run' | 'requests' | 'rows' | 'documents' | 'writes' | 'earlier'> {
  const quota = new BlockedQuota({ blockedWritesMax, run });
  return {
    run,
    requests: new WriteRequests({ run, clock, quota, lanes, documentBytesMax }),
    rows: new RowRequests({
      read: () => readTargets(database, targets),
      clock,
      quota,
      lanes,
      documentBytesMax,
    }),
    documents: new DocumentReads({ run, documentBytesMax, pageBytesMax }),
    writes: new WriteReads(model, run),
    earlier: new EarlierWrites(run),
  };
}
