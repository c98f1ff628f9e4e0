/** Puts a client together: reads, keys and identities are the same in every mode, only the path of a write differs. */
import type { Model } from '@sluice/model';
import { defaults, FailureLog, settleWithin, SluiceError, type Outcome, type Write } from '@sluice/protocol';
import { assertProjections } from '@sluice/batch';
import { agree, Database, DatabaseClock, detectPooler, reasonOf } from '@sluice/store';
import type {
  ClientStatus,
  DocumentFilter,
  DocumentPage,
  Page,
  ReadOptions,
  SluiceClient,
  StoredDocument,
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
import { createPath } from './create-path.ts';
import { DocumentReads } from './document-reads.ts';
import { EarlierWrites } from './earlier-writes.ts';
import type { ClientUsage } from './observer.ts';
import { assertBody, assertRequest, prepareWrite, type Target } from './prepare-write.ts';
import { Readiness } from './readiness.ts';
import { Waits } from './waits.ts';
import type { WritePath } from './write-path.ts';
import { WriteReads } from './write-reads.ts';
import { WritesUnderWay } from './writes-under-way.ts';

/** Told to stop, a client waits for its start, for the end of waits behind the drain, and for its paths, at most so long. */
const stopLimitsMs = { start: 2000, endWaits: 5000, path: 2000 };

export function createClient(options: ClientOptions): SluiceClient {
  return new Client(options);
}

class Client implements SluiceClient {
  readonly model: Model;
  readonly #options: ClientOptions;
  readonly #database: Database;
  readonly #clock: DatabaseClock;
  readonly #waits: Waits;
  readonly #completion: Completion;
  readonly #path: WritePath;
  readonly #readiness: Readiness;
  readonly #run: Run;
  readonly #blockedQuota: BlockedQuota;
  readonly #documents: DocumentReads;
  readonly #writes: WriteReads;
  readonly #earlier: EarlierWrites;
  readonly #underWay: WritesUnderWay;
  readonly #lanes: number;
  readonly #documentBytesMax: number;
  /** The end of the drain: a write that comes to it now waits for nothing. */
  #isEnding = false;
  #started: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.model = options.model;
    assertOptions(options);
    assertProjections(options.projections ?? [], options.model);
    this.#lanes = options.lanes ?? defaults.lanes;
    this.#documentBytesMax = options.documentBytesMax ?? defaults.documentBytesMax;
    const failures = new FailureLog(options.logger);
    const onError = (error: unknown, doing: string): void => failures.note(error, doing);
    const database = new Database({
      url: options.url,
      applicationName: options.applicationName ?? 'sluice node',
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
    this.#path = createPath(options, { waits, database, clock, onError });
    this.#readiness = new Readiness({
      mode,
      onOverload: options.onOverload ?? 'refuse',
      database,
      troubleOf: () => this.#path.trouble,
    });
    const run = clientReads(database, failures);
    this.#documents = new DocumentReads({
      run,
      documentBytesMax: this.#documentBytesMax,
      pageBytesMax: options.pageBytesMax ?? defaults.pageBytesMax,
    });
    this.#writes = new WriteReads(options.model, run);
    this.#earlier = new EarlierWrites(run);
    const { blockedWritesMax = defaults.blockedWritesMax } = options;
    this.#blockedQuota = new BlockedQuota({ blockedWritesMax, run });
    this.#underWay = new WritesUnderWay(options.waitingWritesMax ?? defaults.waitingWritesMax, observer);
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
    const { mode, onOverload, projections = [] } = this.#options;
    await detectPooler(this.#database.options);
    await this.#readiness.requireRights();
    // The fast path needs no promise: the database lets it settle only with the projections that are agreed on.
    const settlesAll = (mode ?? 'coordinated') !== 'coordinated' || onOverload === 'bypass';
    await agree(this.#database, {
      lanes: this.#lanes,
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
      this.#path.giveUp();
      this.#waits.endAll();
      if (!(await this.#underWay.close(stopLimitsMs.endWaits))) this.#waits.abandonAll();
    }
    this.#clock.stop();
    await settleWithin([this.#stopPath()], stopLimitsMs.path);
    await this.#database.close();
  }

  async #stopPath(): Promise<void> {
    await this.#waits.over();
    await Promise.all([this.#path.stop(), this.#completion.stop()]);
    await this.#waits.close();
  }

  async submit(request: WriteRequest, options: SubmitOptions = {}): Promise<Outcome> {
    const underWay = this.#underWay.begin(request);
    try {
      const waitMs = options.waitMs ?? this.#options.waitMs ?? defaults.waitMs;
      const write = await this.#prepare(request, underWay.traceparent);
      const earlier = await this.#earlier.find(write);
      let outcome = earlier?.outcome ?? null;
      if (outcome === null && this.#isEnding) throw new SluiceError('stopping');
      if (earlier === null) outcome = await this.#path.submit(write, waitMs);
      else outcome ??= await this.#waits.join(earlier.writeId, waitMs);
      underWay.answer(outcome.result);
      return outcome;
    } catch (error) {
      throw underWay.fail(error);
    }
  }

  async accept(request: WriteRequest): Promise<{ writeId: string }> {
    const underWay = this.#underWay.begin(request);
    try {
      const write = await this.#prepare(request, underWay.traceparent);
      const earlier = await this.#earlier.find(write);
      if (earlier === null) {
        if (this.#isEnding) throw new SluiceError('stopping');
        await this.#path.accept(write, this.#options.waitMs ?? defaults.waitMs);
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

  /** A document that is updated or deleted by its id goes to the lane of its present identity. */
  async #prepare(request: WriteRequest, traceparent: string | null): Promise<Write> {
    assertRequest(request);
    assertBody(request.body, this.#documentBytesMax);
    if ((request.waitForReferencesSeconds ?? null) !== null)
      await this.#blockedQuota.check(request.client ?? '');
    let target: Target | null = null;
    if (request.operation !== 'upsert') {
      const [row] = await this.#run('findTarget', [request.documentId, request.resource.endpoint]);
      if (row === undefined) throw new SluiceError('document_not_found');
      target = {
        referentialId: row['referential_id'] as string,
        superclassId: row['superclass_id'] as string | null,
      };
    }
    const write = prepareWrite(request, this.#lanes, target, this.#clock.now());
    write.traceparent = traceparent;
    return write;
  }

  readDocument(
    resource: { endpoint: string },
    documentId: string,
    options?: ReadOptions,
  ): Promise<StoredDocument | null> {
    return this.#documents.readDocument(resource, documentId, options);
  }

  listDocuments(resource: { endpoint: string }, page: Page, options?: ReadOptions): Promise<DocumentPage> {
    return this.#documents.listDocuments(resource, page, options);
  }

  readDocuments(documentIds: readonly string[], options?: ReadOptions): Promise<DocumentPage> {
    return this.#documents.readDocuments(documentIds, options);
  }

  countDocuments(resource: { endpoint: string }, filter?: DocumentFilter): Promise<number> {
    return this.#documents.countDocuments(resource, filter);
  }

  async readWrite(client: string, writeId: string): Promise<WriteState | null> {
    const [state] = await this.readWrites(client, [writeId]);
    return state ?? null;
  }

  readWrites(client: string, writeIds: readonly string[]): Promise<WriteState[]> {
    return this.#writes.readWrites(client, writeIds);
  }

  async status(): Promise<ClientStatus> {
    const [trouble, { lanesWithoutLeader, lanesOverloaded }] = await Promise.all([
      this.#readiness.findTrouble(),
      this.#path.status(),
    ]);
    return {
      mode: this.#options.mode ?? 'coordinated',
      isStarted: this.#started !== null && this.#stopped === null,
      isDatabaseReachable: trouble?.sqlState !== null,
      writesRefused: trouble === null ? null : reasonOf(trouble),
      isListening: this.#completion.isListening,
      waiting: this.#waits.writes,
      lanesWithoutLeader,
      lanesOverloaded,
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
