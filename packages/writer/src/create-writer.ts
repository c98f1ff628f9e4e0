/** A writer process: its sessions, the wakeups they share, its row in sluice.writer, and the sweep of what is old. */
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import {
  assertProjections,
  DeposedError,
  describeBatch,
  RetryLog,
  settleOptions,
  type Projection,
} from '@sluice/batch';
import type { Model } from '@sluice/model';
import {
  assertTunables,
  defaults,
  describeError,
  FailureLog,
  settleWithin,
  SluiceError,
  unpackLanes,
  unpackProvided,
  writerTunables,
  type WriterTunable,
  type OwnershipForm,
} from '@sluice/protocol';
import {
  agree,
  channels,
  createListener,
  Database,
  DatabaseClock,
  detectPooler,
  requireRights,
  type Listener,
} from '@sluice/store';
import type { Logger } from 'pino';
import { v4 as uuidv4 } from 'uuid';
import { isDisagreement, isExpectedEnd, LaneSession } from './lane-session.ts';
import { NeighbourWatch } from './neighbour-watch.ts';
import type { SessionEnd, WriterObserver } from './observer.ts';
import { sweep } from './sweep.ts';

/** Limits and intervals, with their ranges and defaults: `writerTunables` of the protocol. */
export interface WriterOptions extends Partial<Record<WriterTunable, number>> {
  /** `postgres://…`, direct: a writer's sessions hold locks. */
  url: string;
  /** @default url */
  listenUrl?: string;
  /** Of the deployment; a database may hold several. @default 'sluice' */
  schema?: string | undefined;
  model: Model;
  /** `lease` where sessions lead through a pooler in transaction mode. All writers need the same. @default 'lock' */
  ownership?: OwnershipForm;
  /** False: everything goes by polling. @default true */
  notifications?: boolean;
  /** Derived rows. Every process of a deployment needs the same. @default none */
  projections?: readonly Projection[];
  /** Shown in pg_stat_activity. @default 'sluice writer' */
  applicationName?: string;
  logger?: Logger;
  /** Is told of each batch, for metrics. */
  observer?: WriterObserver;
}

export interface WriterStatus {
  writerId: string;
  /** Lanes that this process leads. */
  lanes: number[];
  isListening: boolean;
  batches: number;
  /** Writes settled. */
  writes: number;
}

export interface Writer {
  start(): Promise<void>;
  /** Finishes the batches in hand and hands over the lanes. Tolerates being called twice. */
  stop(): Promise<void>;
  status(): WriterStatus;
  /** Settles once an operator has drained this writer and it leads nothing any more; it is to be stopped then. */
  readonly drained: Promise<void>;
}

/** Of this package, for people who look at sluice.writer. */
const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

/** Between two sweeps, and between two signs of life in sluice.writer. */
const sweepIntervalMs = 60_000;
const backendLookTimeoutMs = 2000;
/** What a writer that stops still asks of the database takes at most so long, each. */
const farewellMs = 2000;

export function createWriter(options: WriterOptions): Writer {
  assertTunables('create the writer', writerTunables, { ...options });
  const writerId = uuidv4();
  const { url, schema, model, logger, observer, projections = [] } = options;
  assertProjections(projections, model);
  const lanes = options.lanes ?? defaults.lanes;
  const notifications = options.notifications ?? true;
  const ownership = options.ownership ?? 'lock';
  const applicationName = options.applicationName ?? 'sluice writer';
  const connection = { url, schema, applicationName };
  const database = new Database({ ...connection, connectionsMax: 1 });
  const listener: Listener = createListener({
    url: options.listenUrl ?? url,
    schema,
    applicationName: `${applicationName} listener`,
    notifications,
  });
  const log = logger?.child({ writerId });
  const failures = new FailureLog(log);
  const retries = log === undefined ? {} : { onRetry: new RetryLog((...line) => log.warn(...line)).note };
  const clock = new DatabaseClock({
    database,
    process: { kind: 'writer', clockId: writerId },
    onError: (error) => failures.note(error, 'measure the clock'),
  });
  let batches = 0;
  let writes = 0;
  let sweepTimer: NodeJS.Timeout | null = null;
  let sweeping: Promise<void> | null = null;
  let started: Promise<void> | null = null;
  let stopped: Promise<void> | null = null;
  let noteDrained: () => void = () => undefined;
  const drained = new Promise<void>((resolve) => (noteDrained = resolve));

  const wake = (payload: string | null): void => {
    const named = payload === null ? null : unpackLanes(payload, lanes);
    sessions.forEach((session) => session.wake(named));
  };
  /** New writes of the lanes that its sessions lead, and of no others, are told to this process. */
  const hearOfLanes = (): void => {
    listener.hear(ledLanes().map(channels.lane), (channel, payload) => {
      if (payload !== null) return wake(payload);
      // What came before the channel was heard is looked for now.
      const named = new Set(ledLanes().filter((lane) => channels.lane(lane) === channel));
      sessions.forEach((session) => session.wake(named));
    });
  };
  const ledLanes = (): number[] => sessions.flatMap((session) => session.lanes);
  const beatNow = (): void => sessions.forEach((session) => session.beatNow());
  const watches = Array.from(
    { length: options.sessions ?? 1 },
    () => new NeighbourWatch({ connection, onEnded: beatNow }),
  );
  const sessions: LaneSession[] = watches.map((watch) => {
    let isLeading = false;
    let hasToldDisagreement = false;
    return new LaneSession({
      connection,
      lanes,
      writerId,
      ownership,
      batchWritesMax: options.batchWritesMax ?? defaults.batchWritesMax,
      pollIntervalMs: options.pollIntervalMs ?? defaults.pollIntervalMs,
      settle: {
        ...settleOptions(model, {
          lanes,
          cascadeDocumentsMax: options.cascadeDocumentsMax ?? defaults.cascadeDocumentsMax,
        }),
        projections,
        ...retries,
      },
      isListening: () => listener.isListening,
      isDeaf: () => listener.isDeaf,
      async isBackendWorking(pid) {
        const [row] = await database.run('isBackendWorking', [pid], backendLookTimeoutMs);
        return row?.['is_working'] === true;
      },
      onBatch(report) {
        batches += 1;
        writes += report.outcomes.length;
        observer?.settled(report);
        if (log?.isLevelEnabled('debug') === true) log.debug(describeBatch(report), 'batch');
      },
      onDrain: () => void Promise.all(sessions.map((session) => session.stop())).then(noteDrained),
      onLanes(led, taken) {
        hearOfLanes();
        if (taken > 0) observer?.led(taken);
        // While it finds no server it loses nothing again and again.
        if (led.length > 0 || isLeading)
          log?.info({ lanes: led }, led.length > 0 ? 'leads' : 'leads nothing');
        isLeading = led.length > 0;
        if (isLeading) hasToldDisagreement = false;
      },
      onWoken: (by) => observer?.woken(by),
      onNeighbour(pid) {
        // One of this process ends with it, and then nobody is left here to be told.
        watch.follow(sessions.some((session) => session.pid === pid) ? null : pid);
      },
      onError(error) {
        observer?.sessionEnded(endOf(error));
        // It is met again at each try, until the process is started anew.
        if (isDisagreement(error)) {
          if (hasToldDisagreement) return;
          hasToldDisagreement = true;
        }
        const level = isExpectedEnd(error) ? 'warn' : 'error';
        failures.note(error, 'lead lanes', { level, message: 'session ended' });
      },
      onTrouble: (error) => log?.error(describeError(error), 'settles nothing as the server is in trouble'),
    });
  });

  const live = async (): Promise<void> => {
    try {
      await database.run('registerWriter', [writerId, hostname(), process.pid, version]);
      if (sessions.some((session) => session.lanes.includes(0))) {
        await sweep(database, options.retentionHours ?? defaults.retentionHours);
      }
    } catch (error) {
      log?.warn(describeError(error), 'sweep failed');
    }
  };

  return {
    start: () =>
      (started ??= (async () => {
        if ((await detectPooler(connection)) && ownership === 'lock') {
          throw new SluiceError(
            'configuration_invalid',
            'Cannot lead by locks as the database URL leads through a pooler in transaction mode: give writers a direct ' +
              'URL, or start all of them with --ownership lease',
          );
        }
        await requireRights(
          (...query) => database.run(...query),
          ownership === 'lock' ? ['lead', 'lock'] : ['lead'],
          {
            work: ' the writer',
            advice: 'use the role of writers (sluice_writer), and run `sluice roles` after an upgrade',
          },
        );
        await agree(database, { lanes, modelHash: model.hash, ownership, projections });
        await live();
        await clock.start();
        await listener.listen(channels.wakeup, wake);
        await listener.listen(channels.lanes, beatNow);
        await listener.listen(channels.provided, (payload) => {
          if (payload === null) return;
          const provided = unpackProvided(payload, lanes);
          sessions.forEach((session) => session.provided(provided.ids, provided.lanes));
        });
        sessions.forEach((session) => session.start());
        sweepTimer = setInterval(() => {
          sweeping ??= live().finally(() => (sweeping = null));
        }, sweepIntervalMs);
      })()),
    stop: () =>
      (stopped ??= (async () => {
        await settleWithin([started], farewellMs);
        if (sweepTimer !== null) clearInterval(sweepTimer);
        clock.stop();
        watches.forEach((watch) => watch.stop());
        await Promise.all(sessions.map((session) => session.stop()));
        await settleWithin([listener.close(), sweeping], farewellMs);
        const retired = database.run('retireWriter', [writerId], farewellMs);
        await settleWithin([retired.catch((error: unknown) => failures.note(error, 'retire'))], farewellMs);
        await database.close();
      })()),
    status: () => ({
      writerId,
      lanes: ledLanes().sort((a, b) => a - b),
      isListening: listener.isListening,
      batches,
      writes,
    }),
    drained,
  };
}

function endOf(error: unknown): SessionEnd {
  if (error instanceof DeposedError) return 'deposed';
  return isExpectedEnd(error) ? 'connection_lost' : 'failed';
}
