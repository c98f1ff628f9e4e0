/** Puts a client together: reads, keys and identities are the same in every mode, only the path of a write differs. */
import type { Model } from '@sluice/model';
import {
  assertTunables,
  clientTunables,
  defaults,
  embeddedTunables,
  FailureLog,
  settleWithin,
  SluiceError,
  type Mode,
  type Outcome,
  type Result,
  type Write,
} from '@sluice/protocol';
import { assertProjections, fingerprintOf, outcomeOf, traceparentOf, type Projection } from '@sluice/batch';
import {
  agree,
  Database,
  DatabaseClock,
  DatabaseError,
  detectPooler,
  reasonOf,
  type Row,
} from '@sluice/store';
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
import { BlockedQuota } from './blocked-quota.ts';
import type { ClientOptions } from './client-options.ts';
import { createPath } from './create-path.ts';
import { DocumentReads } from './document-reads.ts';
import { GatheredReads } from './gathered-reads.ts';
import type { ClientObserver, ClientUsage } from './observer.ts';
import { assertBody, assertRequest, prepareWrite } from './prepare-write.ts';
import { Readiness } from './readiness.ts';
import { endWriteSpan, failWriteSpan, startWriteSpan } from './trace-write.ts';
import type { WritePath } from './write-path.ts';
import { WriteReads } from './write-reads.ts';

/** Told to stop, a client waits for its start, for the end of waits behind the drain, and for its paths, at most so long. */
const stopLimitsMs = { start: 2000, endWaits: 5000, path: 2000 };

export function createClient(options: ClientOptions): SluiceClient {
  assertTunables('create the client', { ...clientTunables, ...embeddedTunables }, { ...options });
  return new Client(options);
}

class Client implements SluiceClient {
  readonly model: Model;
  readonly #database: Database;
  readonly #clock: DatabaseClock;
  readonly #path: WritePath;
  readonly #mode: Mode;
  readonly #readiness: Readiness;
  readonly #projections: readonly Projection[];
  /** The fast path needs no promise: the database lets it settle only with the projections that are agreed on. */
  readonly #settlesAll: boolean;
  readonly #lanes: number;
  readonly #waitMs: number;
  readonly #waitingWritesMax: number;
  readonly #blockedQuota: BlockedQuota;
  readonly #documentBytesMax: number;
  readonly #documents: DocumentReads;
  readonly #writes: WriteReads;
  readonly #keys: GatheredReads<Write>;
  readonly #failures: FailureLog;
  readonly #drainMs: number;
  readonly #observer: ClientObserver | undefined;
  readonly #underWay = new Set<Promise<unknown>>();
  /** The end of the drain: whoever comes to it now waits for nothing. */
  #isEnding = false;
  #started: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;

  constructor(options: ClientOptions) {
    this.model = options.model;
    this.#mode = options.mode ?? 'coordinated';
    this.#projections = options.projections ?? [];
    assertProjections(this.#projections, options.model);
    this.#settlesAll = this.#mode !== 'coordinated' || options.onOverload === 'bypass';
    this.#lanes = options.lanes ?? defaults.lanes;
    this.#waitMs = options.waitMs ?? defaults.waitMs;
    this.#waitingWritesMax = options.waitingWritesMax ?? defaults.waitingWritesMax;
    this.#drainMs = options.drainMs ?? defaults.drainMs;
    this.#failures = new FailureLog(options.logger);
    this.#observer = options.observer;
    this.#database = new Database({
      url: options.url,
      schema: options.schema,
      applicationName: options.applicationName ?? 'sluice node',
      connectionsMax: options.connectionsMax ?? 8,
      ...(options.answerTimeoutMs === undefined ? {} : { answerTimeoutMs: options.answerTimeoutMs }),
    });
    this.#clock = new DatabaseClock({
      database: this.#database,
      process: { kind: 'node' },
      onError: (error) => this.#failures.note(error, 'measure the clock'),
    });
    this.#path = createPath(options, this.#database, this.#clock, (error, doing) =>
      this.#failures.note(error, doing),
    );
    this.#readiness = new Readiness({
      mode: this.#mode,
      onOverload: options.onOverload ?? 'refuse',
      database: this.#database,
      troubleOf: () => this.#path.trouble,
    });
    const run = (name: string, values: readonly unknown[]): Promise<Row[]> => this.#run(name, values);
    this.#documentBytesMax = options.documentBytesMax ?? defaults.documentBytesMax;
    this.#documents = new DocumentReads({
      run,
      documentBytesMax: this.#documentBytesMax,
      pageBytesMax: options.pageBytesMax ?? defaults.pageBytesMax,
    });
    this.#writes = new WriteReads(options.model, run);
    this.#keys = new GatheredReads((writes) =>
      this.#run('findKeys', [
        writes.map(({ client }) => client),
        writes.map(({ idempotencyKey }) => idempotencyKey),
      ]),
    );
    this.#blockedQuota = new BlockedQuota({
      blockedWritesMax: options.blockedWritesMax ?? defaults.blockedWritesMax,
      run: (name, values) => this.#run(name, values),
    });
  }

  start(): Promise<void> {
    return (this.#started ??= (async () => {
      await detectPooler(this.#database.options);
      await this.#readiness.requireRights();
      await agree(this.#database, {
        lanes: this.#lanes,
        modelHash: this.model.hash,
        ...(this.#settlesAll ? { projections: this.#projections } : {}),
      });
      await this.#clock.start();
      await this.#path.start();
    })());
  }

  /** Bounded, whatever the database does: by `drainMs` and {@link stopLimitsMs}. */
  stop(): Promise<void> {
    return (this.#stopped ??= (async () => {
      await settleWithin([this.#started], stopLimitsMs.start);
      if (!(await settleWithin([...this.#underWay], this.#drainMs))) {
        this.#isEnding = true;
        this.#path.endWaits();
        if (!(await settleWithin([...this.#underWay], stopLimitsMs.endWaits))) this.#path.abandon();
      }
      this.#clock.stop();
      await settleWithin([this.#path.stop()], stopLimitsMs.path);
      await this.#database.close();
    })());
  }

  submit(request: WriteRequest, options: SubmitOptions = {}): Promise<Outcome> {
    return this.#tell(
      request,
      (traceparent) => this.#submit(request, options, traceparent),
      ({ result }) => result,
    );
  }

  accept(request: WriteRequest): Promise<{ writeId: string }> {
    return this.#tell(
      request,
      (traceparent) => this.#accept(request, traceparent),
      () => 'accepted',
    );
  }

  /** Does the work, and tells metrics and traces how it went. */
  async #tell<T>(
    request: WriteRequest,
    work: (traceparent: string | null) => Promise<T>,
    resultOf: (answer: T) => Result | 'accepted',
  ): Promise<T> {
    const started = performance.now();
    const span = startWriteSpan(request);
    try {
      const answer = await this.#admit(() => work(span === null ? null : traceparentOf(span)));
      const result = resultOf(answer);
      this.#observer?.answered(result, (performance.now() - started) / 1000);
      if (span !== null) endWriteSpan(span, result);
      return answer;
    } catch (error) {
      const code = error instanceof SluiceError ? error.code : 'internal';
      this.#observer?.failed(code);
      if (span !== null) failWriteSpan(span, code);
      throw error;
    }
  }

  async #submit(request: WriteRequest, options: SubmitOptions, traceparent: string | null): Promise<Outcome> {
    const waitMs = options.waitMs ?? this.#waitMs;
    const write = await this.#prepare(request);
    write.traceparent = traceparent;
    if (write.idempotencyKey !== null) {
      const earlier = await this.#findEarlier(write);
      if (earlier !== null) {
        return earlier.outcome ?? this.#path.join(earlier.writeId, earlier.lane, waitMs);
      }
    }
    if (this.#isEnding) throw new SluiceError('stopping');
    return this.#path.submit(write, waitMs);
  }

  async #accept(request: WriteRequest, traceparent: string | null): Promise<{ writeId: string }> {
    const write = await this.#prepare(request);
    write.traceparent = traceparent;
    if (write.idempotencyKey !== null) {
      const earlier = await this.#findEarlier(write);
      if (earlier !== null) {
        // One that waits may have been inserted by an asynchronous commit; what is accepted is flushed.
        if (earlier.outcome === null) await this.#run('flush', []);
        return { writeId: earlier.outcome?.writeId ?? earlier.writeId };
      }
    }
    if (this.#isEnding) throw new SluiceError('stopping');
    await this.#path.accept(write, this.#waitMs);
    return { writeId: write.writeId };
  }

  /** Takes a write in, unless too many are under way: counted from the first moment, as many may come in one. */
  #admit<T>(work: () => Promise<T>): Promise<T> {
    if (this.#started === null || this.#stopped !== null) throw new SluiceError('stopping');
    if (this.#underWay.size >= this.#waitingWritesMax) {
      throw new SluiceError('overloaded', undefined, { retryAfterSeconds: 1 });
    }
    const admitted = work().finally(() => this.#underWay.delete(admitted));
    this.#underWay.add(admitted);
    return admitted;
  }

  /** A document that is updated or deleted by its id goes to the lane of its present identity. */
  async #prepare(request: WriteRequest): Promise<Write> {
    assertRequest(request);
    assertBody(request.body, this.#documentBytesMax);
    if ((request.waitForReferencesSeconds ?? null) !== null)
      await this.#blockedQuota.check(request.client ?? '');
    if (request.operation === 'upsert') return prepareWrite(request, this.#lanes, null, this.#clock.now());
    const [row] = await this.#run('findTarget', [request.documentId, request.resource.endpoint]);
    if (row === undefined) throw new SluiceError('document_not_found');
    const target = {
      referentialId: row['referential_id'] as string,
      superclassId: row['superclass_id'] as string | null,
    };
    return prepareWrite(request, this.#lanes, target, this.#clock.now());
  }

  /** The write that has this one's idempotency key already. */
  async #findEarlier(
    write: Write,
  ): Promise<{ writeId: string; lane: number; outcome: Outcome | null } | null> {
    const row = await this.#keys.find(write);
    if (row === undefined) return null;
    if (row['fingerprint'] !== fingerprintOf(write)) throw new SluiceError('idempotency_key_reused');
    const outcome = row['result'] === null ? null : outcomeOf(row);
    const lane = row['lane'] as number | null;
    if (outcome === null && lane === null) throw new SluiceError('outcome_expired');
    return { writeId: row['write_id'] as string, lane: lane ?? 0, outcome };
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
      mode: this.#mode,
      isStarted: this.#started !== null && this.#stopped === null,
      isDatabaseReachable: trouble?.sqlState !== null,
      writesRefused: trouble === null ? null : reasonOf(trouble),
      isListening: this.#path.isListening,
      waiting: this.#path.waiting,
      lanesWithoutLeader,
      lanesOverloaded,
    };
  }

  usage(): ClientUsage {
    const { waiting, isListening, pools } = this.#path;
    return { waiting, isListening, pools: { reads: this.#database.usage, ...pools } };
  }

  /** A read for a client: its failure is the database's, not the client's. */
  async #run(name: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return await this.#database.run(name, values);
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      // Longer than anything that PostgreSQL itself writes out.
      if (error.sqlState === '54000') throw new SluiceError('document_too_large');
      this.#failures.note(error, name);
      throw new SluiceError('database_unavailable', undefined, { retryAfterSeconds: 1, cause: error });
    }
  }
}
