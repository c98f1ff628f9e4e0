/** Puts a client together: reads, keys and identities are the same in every mode, only the path of a write differs. */
import type { Model } from '#model';
import { defaults, FailureLog, settleWithin, SluiceError, type Outcome } from '#protocol';
import { assertProjections } from '#batch';
import { agree, Database, DatabaseClock, detectPooler, nodeNameIn, reasonOf } from '#store';
import type {
  ClientStatus,
  EnlistingClient,
  RunOnCaller,
  SluiceClient,
  SubmitOptions,
  WriteRequest,
  WriteState,
} from './contract.ts';
import { assertOptions } from './assert-options.ts';
import { BlockedQuota } from './blocked-quota.ts';
import { Cancellations } from './cancellations.ts';
import type { ClientOptions } from './client-options.ts';
import { clientReads, type Run } from './client-reads.ts';
import { Completion } from './completion.ts';
import { CoordinatedPath } from './coordinated-path.ts';
import { createPath } from './create-path.ts';
import { DocumentReads } from './document-reads.ts';
import { EarlierWrites } from './earlier-writes.ts';
import type { ClientUsage } from './observer.ts';
import { joinWrite } from './join-write.ts';
import { Readiness } from './readiness.ts';
import { Waits } from './waits.ts';
import type { WritePath } from './write-path.ts';
import { WriteReads } from './write-reads.ts';
import { WriteRequests } from './write-requests.ts';
import { WritesUnderWay } from './writes-under-way.ts';

/** Told to stop, a client waits for its start, for the end of waits behind the drain, and for its paths, at most so long. */
const stopLimitsMs = { start: 2000, endWaits: 5000, path: 2000 };

export function createClient(options: ClientOptions): EnlistingClient {
  return new Client(options);
}

class Client implements EnlistingClient {
  readonly model: Model;
  readonly #options: ClientOptions;
  readonly #database: Database;
  readonly #clock: DatabaseClock;
  readonly #waits: Waits;
  readonly #completion: Completion;
  readonly #path: WritePath;
  /** The same; null in the other modes. */
  readonly #intake: CoordinatedPath | null;
  readonly #readiness: Readiness;
  readonly #run: Run;
  readonly #requests: WriteRequests;
  readonly #documents: DocumentReads;
  readonly #writes: WriteReads;
  readonly #earlier: EarlierWrites;
  readonly #underWay: WritesUnderWay;
  /** The end of the drain: a write that comes to it now waits for nothing. */
  #isEnding = false;
  #started: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.model = options.model;
    assertOptions(options);
    assertProjections(options.projections ?? [], options.model);
    const { documentBytesMax = defaults.documentBytesMax } = options;
    const failures = new FailureLog(options.logger);
    const onError = (error: unknown, doing: string): void => failures.note(error, doing);
    const database = new Database({
      url: options.url,
      schema: options.schema,
      applicationName: options.applicationName ?? nodeNameIn(options.schema),
      connectionsMax: options.connectionsMax ?? 8,
      ...(options.answerTimeoutMs === undefined ? {} : { answerTimeoutMs: options.answerTimeoutMs }),
    });
    const clock = new DatabaseClock({
      database,
      process: { kind: 'node' },
      onError: (error) => onError(error, 'measure the clock'),
    });
    const waits = new Waits({ cancellations: new Cancellations(database.options), onError });
    const { mode = 'coordinated', notifications = true, listenUrl = options.url, observer } = options;
    this.#completion = new Completion({
      waits,
      database,
      listenUrl,
      // A write of the other modes is settled by its own node: only those of others are looked for.
      notifications: notifications && mode === 'coordinated',
      pollIntervalMs: options.pollIntervalMs ?? defaults.pollIntervalMs,
      observer,
      onError,
    });
    const path = createPath(options, { waits, database, clock, onError });
    this.#path = path;
    this.#intake = path instanceof CoordinatedPath ? path : null;
    this.#readiness = new Readiness({
      mode,
      onOverload: options.onOverload ?? 'refuse',
      database,
      troubleOf: () => this.#path.trouble,
    });
    const run = clientReads(database, failures);
    this.#documents = new DocumentReads({
      run,
      documentBytesMax,
      pageBytesMax: options.pageBytesMax ?? defaults.pageBytesMax,
    });
    this.#writes = new WriteReads(options.model, run);
    this.#earlier = new EarlierWrites(run);
    const { lanes = defaults.lanes, blockedWritesMax = defaults.blockedWritesMax } = options;
    const quota = new BlockedQuota({ blockedWritesMax, run });
    this.#requests = new WriteRequests({ run, clock, quota, lanes, documentBytesMax });
    this.#underWay = new WritesUnderWay(
      options.waitingWritesMax ?? defaults.waitingWritesMax,
      observer,
      options.store,
    );
    this.#database = database;
    this.#clock = clock;
    this.#waits = waits;
    this.#run = run;
  }

  start(): Promise<void> {
    if (this.#stopped === null) this.#underWay.open();
    return (this.#started ??= this.#start());
  }

  async #start(): Promise<void> {
    const { mode, lanes, onOverload, projections = [] } = this.#options;
    await detectPooler(this.#database.options);
    await this.#readiness.requireRights();
    // The fast path needs no promise: the database lets it settle only with the projections that are agreed on.
    const settlesAll = (mode ?? 'coordinated') !== 'coordinated' || onOverload === 'bypass';
    await agree(this.#database, {
      lanes: lanes ?? defaults.lanes,
      modelHash: this.model.hash,
      ...(settlesAll ? { projections } : {}),
    });
    await this.#clock.start();
    await this.#path.start();
    await this.#completion.start();
  }

  /** Bounded, whatever the database does: by `drainMs` and {@link stopLimitsMs}. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    const drained = this.#underWay.close(this.#options.drainMs ?? defaults.drainMs);
    await settleWithin([this.#started], stopLimitsMs.start);
    if (!(await drained)) {
      this.#isEnding = true;
      this.#intake?.giveUp();
      this.#waits.endAll();
      if (!(await this.#underWay.close(stopLimitsMs.endWaits))) this.#waits.abandonAll();
    }
    this.#clock.stop();
    await settleWithin([this.#stopPath()], stopLimitsMs.path);
    await this.#database.close();
  }

  get #waitMs(): number {
    return this.#options.waitMs ?? defaults.waitMs;
  }

  async #stopPath(): Promise<void> {
    await this.#waits.over();
    await Promise.all([this.#path.stop(), this.#completion.stop()]);
    await this.#waits.close();
  }

  async submit(request: WriteRequest, options: SubmitOptions = {}): Promise<Outcome> {
    const underWay = this.#underWay.begin(request);
    try {
      const { waitMs = this.#waitMs, signal } = options;
      if (signal?.aborted === true) throw new SluiceError('cancelled');
      const write = await this.#requests.prepare(request, underWay.traceparent);
      const earlier = await this.#earlier.find(write);
      let outcome = earlier?.outcome ?? null;
      if (outcome === null && this.#isEnding) throw new SluiceError('stopping');
      if (earlier === null) outcome = await this.#path.submit(write, waitMs, signal);
      else outcome ??= await this.#waits.join(earlier.writeId, waitMs, signal);
      underWay.answer(outcome.result);
      return outcome;
    } catch (error) {
      throw underWay.fail(error);
    }
  }

  async accept(request: WriteRequest): Promise<{ writeId: string }> {
    const underWay = this.#underWay.begin(request);
    try {
      const write = await this.#requests.prepare(request, underWay.traceparent);
      const earlier = await this.#earlier.find(write);
      if (earlier === null) {
        if (this.#isEnding) throw new SluiceError('stopping');
        if (this.#intake === null)
          throw new SluiceError('invalid_request', 'Cannot answer before the outcome without an intake');
        await this.#intake.accept(write, this.#waitMs);
      } else if (earlier.outcome === null) {
        // One that waits may have been inserted by an asynchronous commit; what is accepted is flushed.
        await this.#run('flush', []);
      }
      underWay.answer('accepted');
      return { writeId: earlier?.outcome?.writeId ?? earlier?.writeId ?? write.writeId };
    } catch (error) {
      throw underWay.fail(error);
    }
  }

  async enlist(request: WriteRequest, run: RunOnCaller): Promise<{ writeId: string }> {
    const underWay = this.#underWay.begin(request);
    try {
      if (this.#intake === null)
        throw new SluiceError('invalid_request', `Cannot join the caller's transaction without an intake`);
      const write = await this.#requests.prepare(request, underWay.traceparent);
      const earlier = await this.#earlier.find(write);
      if (earlier === null) await this.#intake.enlist(write, run);
      underWay.answer('accepted');
      return { writeId: earlier?.outcome?.writeId ?? earlier?.writeId ?? write.writeId };
    } catch (error) {
      throw underWay.fail(error);
    }
  }

  join: EnlistingClient['join'] = (writeId, { client = '', waitMs = this.#waitMs, signal } = {}) =>
    joinWrite(this.#waits, writeId, { waitMs, signal }, () => this.readWrite(client, writeId));

  readDocument: SluiceClient['readDocument'] = (...query) => this.#documents.readDocument(...query);
  listDocuments: SluiceClient['listDocuments'] = (...query) => this.#documents.listDocuments(...query);
  readDocuments: SluiceClient['readDocuments'] = (...query) => this.#documents.readDocuments(...query);
  countDocuments: SluiceClient['countDocuments'] = (...query) => this.#documents.countDocuments(...query);
  readWrites: SluiceClient['readWrites'] = (...query) => this.#writes.readWrites(...query);

  async readWrite(client: string, writeId: string): Promise<WriteState | null> {
    const [state] = await this.readWrites(client, [writeId]);
    return state ?? null;
  }

  async status(): Promise<ClientStatus> {
    const [trouble, lanes] = await Promise.all([this.#readiness.findTrouble(), this.#intake?.status()]);
    return {
      mode: this.#options.mode ?? 'coordinated',
      isStarted: this.#started !== null && this.#stopped === null,
      isDatabaseReachable: trouble?.sqlState !== null,
      writesRefused: trouble === null ? null : reasonOf(trouble),
      isListening: this.#completion.isListening,
      waiting: this.#waits.writes,
      lanesWithoutLeader: lanes?.lanesWithoutLeader ?? [],
      lanesOverloaded: lanes?.lanesOverloaded ?? [],
    };
  }

  usage(): ClientUsage {
    return {
      waiting: this.#waits.writes,
      isListening: this.#completion.isListening,
      pools: { reads: this.#database.usage, cancellations: this.#waits.usage, ...this.#path.pools },
    };
  }
}
