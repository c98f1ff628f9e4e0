/** A writer process: its sessions, their shared hints, its row in sluice.writer, and retention. */
import { createRequire } from 'node:module';
import { assertProjections, logBatch, settleOptionsOf, type SettleOptions } from '#batch';
import {
  assertTunables,
  defaults,
  describeError,
  FailureLog,
  settleWithin,
  SluiceError,
  writerTunables,
  type OwnershipForm,
} from '#protocol';
import {
  agree,
  createListener,
  listenerNameOf,
  Database,
  DatabaseClock,
  detectPooler,
  isPlaced,
  requireRights,
  type Listener,
  writerNameIn,
} from '#store';
import { checkDefinitions, modelBeside, readTargets, saveTargets } from '#targets';
import type { Logger } from 'pino';
import { v4 as uuidv4 } from 'uuid';
import { hearOfLanes, listenForHints } from './hear-hints.ts';
import type { LaneSessionOptions } from './lane-session-options.ts';
import { LaneSession } from './lane-session.ts';
import { NeighbourWatch } from './neighbour-watch.ts';
import { noteLeadership } from './note-leadership.ts';
import { Upkeep } from './upkeep.ts';
import type { Writer, WriterOptions, WriterStatus } from './writer-options.ts';

/** Version of this package, for people who read sluice.writer. */
const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

const backendLookTimeoutMs = 2000;
/** Limit for each statement of a stopping writer, in milliseconds. */
const endTimeoutMs = 2000;

export function createWriter(options: WriterOptions): Writer {
  assertTunables('create the writer', writerTunables, { ...options });
  return new WriterProcess(options);
}

class WriterProcess implements Writer {
  readonly #writerId = uuidv4();
  readonly #options;
  readonly #log: Logger | undefined;
  readonly #failures: FailureLog;
  readonly #database: Database;
  readonly #listener: Listener;
  readonly #clock: DatabaseClock;
  readonly #upkeep: Upkeep;
  readonly #sessions: LaneSession[];
  readonly #watches: NeighbourWatch[];
  #batches = 0;
  #writes = 0;
  #isRegistered = false;
  #started: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;
  #noteDrained: () => void = () => undefined;
  readonly drained = new Promise<void>((resolve) => (this.#noteDrained = resolve));

  constructor(options: WriterOptions) {
    const applicationName = options.applicationName ?? writerNameIn(options.schema);
    this.#options = {
      ...options,
      applicationName,
      lanes: options.lanes ?? defaults.lanes,
      spread: options.spread ?? ('load' as const),
      projections: options.projections ?? [],
      targets: checkDefinitions(options.targets ?? []),
      model: modelBeside(options.targets, options.model),
    };
    const { url, schema, model, projections } = this.#options;
    const connection = { url, schema, applicationName };
    assertProjections(projections, model);
    this.#log = options.logger?.child({ writerId: this.#writerId });
    this.#failures = new FailureLog(this.#log);
    this.#database = new Database({ ...connection, connectionsMax: 1 });
    this.#listener = createListener({
      url: options.listenUrl ?? url,
      schema,
      applicationName: listenerNameOf(applicationName),
      notifications: options.notifications ?? true,
    });
    this.#clock = new DatabaseClock({
      database: this.#database,
      process: { kind: 'writer', clockId: this.#writerId },
      onError: (error) => this.#failures.note(error, 'measure the clock'),
    });
    this.#upkeep = new Upkeep({
      database: this.#database,
      writerId: this.#writerId,
      version,
      retentionHours: options.retentionHours ?? defaults.retentionHours,
      isLeadingLane: (lane) => this.#ledLanes.includes(lane),
      onError: (error) => this.#log?.warn(describeError(error), 'upkeep failed'),
    });
    this.#watches = Array.from(
      { length: options.sessions ?? 1 },
      () =>
        new NeighbourWatch({
          connection,
          onEnded: () => this.#sessions.forEach((session) => session.heartbeatNow()),
        }),
    );
    const settle = settleOptionsOf({ ...this.#options, logger: this.#log });
    this.#sessions = this.#watches.map((watch) => new LaneSession(this.#sessionOptions(watch, settle)));
  }

  start(): Promise<void> {
    return (this.#started ??= this.#start());
  }

  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  status(): WriterStatus {
    return {
      writerId: this.#writerId,
      lanes: this.#ledLanes.sort((a, b) => a - b),
      isListening: this.#listener.isListening,
      batches: this.#batches,
      writes: this.#writes,
      gathering: this.#sessions
        .map(({ gathering }) => gathering)
        .reduce((one, other) => (other.intervalMs > one.intervalMs ? other : one)),
    };
  }

  async #start(): Promise<void> {
    const { url, schema, applicationName, lanes, model, projections, targets } = this.#options;
    const isPooled = await detectPooler({ url, schema, applicationName });
    // The first connection finds out whether Citus places the schema.
    await this.#database.run('readBackend');
    const ownership = this.#ownership;
    const isLock = ownership === 'lock';
    if (isPooled && isLock) {
      throw new SluiceError(
        'configuration_invalid',
        'Cannot lead by locks: the database URL leads through a pooler in transaction mode: give writers a direct ' +
          'URL, or start all of them with --ownership lease',
      );
    }
    // In parallel, because a client waits while a sleeping store is opened.
    const listening = listenForHints(this.#listener, lanes, this.#sessions);
    listening.catch(() => undefined);
    await requireRights((...query) => this.#database.run(...query), isLock ? ['lead', 'lock'] : ['lead'], {
      work: ' the writer',
      advice: 'use the role of writers (sluice_writer), and run `sluice roles` after an upgrade',
    });
    const read = await readTargets(this.#database, targets);
    await agree(this.#database, {
      lanes,
      modelHash: model.hash,
      ownership,
      projections,
      targets: read.agreed,
    });
    await saveTargets(this.#database, read);
    this.#isRegistered = true;
    await this.#upkeep.start();
    await listening;
    this.#sessions.forEach((session) => session.start());
    await this.#clock.start();
  }

  async #stop(): Promise<void> {
    await settleWithin([this.#started], endTimeoutMs);
    const kept = this.#upkeep.stop();
    this.#clock.stop();
    this.#watches.forEach((watch) => watch.stop());
    await this.#stopSessions();
    await settleWithin([this.#listener.close(), kept], endTimeoutMs);
    if (this.#isRegistered) await this.#retire();
    await this.#database.close();
  }

  async #retire(): Promise<void> {
    const retired = this.#database.run('retireWriter', [this.#writerId], endTimeoutMs);
    const noted = retired.catch((error: unknown) => this.#failures.note(error, 'retire'));
    await settleWithin([noted], endTimeoutMs);
  }

  async #stopSessions(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.stop()));
  }

  /** Where Citus places the schema, leases: each renewal is a write, so an idle leader learns soon that the schema has moved. */
  get #ownership(): OwnershipForm {
    return isPlaced(this.#options) ? 'lease' : (this.#options.ownership ?? 'lock');
  }

  get #ledLanes(): number[] {
    return this.#sessions.flatMap((session) => session.lanes);
  }

  #sessionOptions(watch: NeighbourWatch, settle: SettleOptions): LaneSessionOptions {
    const { url, schema, applicationName, lanes, spread, gatheringTrial, observer } = this.#options;
    const log = this.#log;
    return {
      connection: { url, schema, applicationName },
      lanes,
      writerId: this.#writerId,
      ownership: () => this.#ownership,
      spread,
      batchWritesMax: this.#options.batchWritesMax ?? defaults.batchWritesMax,
      pollIntervalMs: this.#options.pollIntervalMs ?? defaults.pollIntervalMs,
      settle,
      gatheringTrial,
      batchPlaces: this.#options.batchPlaces,
      isListening: () => this.#listener.isListening,
      isHearing: () => this.#listener.isHearing,
      isDeaf: () => this.#listener.isDeaf,
      isBackendWorking: async ({ pid, since }) => {
        const [row] = await this.#database.run('isBackendWorking', [pid, since], backendLookTimeoutMs);
        return row?.['is_working'] === true;
      },
      findBlocker: async (pid) => {
        // Through a pooler, as leases allow, no process id of a session is that of its backend.
        if (this.#ownership === 'lease') return null;
        const [row] = await this.#database.run('findBlocker', [pid], backendLookTimeoutMs);
        return (row?.['locker'] as string | undefined) ?? null;
      },
      onBatch: (report) => {
        this.#batches += 1;
        this.#writes += report.outcomes.length;
        observer?.settled(report);
        logBatch(log, report);
      },
      onDrain: () => void this.#stopSessions().then(this.#noteDrained),
      onWoken: (by) => observer?.woken(by),
      // A session of this process ends together with it, and no code would be left to report that.
      onNeighbour: (pid) => watch.follow(this.#sessions.some((session) => session.pid === pid) ? null : pid),
      onTrouble: (error) => log?.error(describeError(error), 'settles nothing as the server is in trouble'),
      ...noteLeadership({
        log,
        observer,
        failures: this.#failures,
        onLanes: () => hearOfLanes(this.#listener, lanes, this.#sessions),
      }),
    };
  }
}
