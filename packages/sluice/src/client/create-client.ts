/** A client accepts a write, finds an earlier one with its key, and awaits its outcome. It starts and stops in order. */
import type { Model } from '#model';
import { settleWithin, SluiceError, type Outcome, type Write } from '#protocol';
import { agree, detectPooler } from '#store';
import { checkDefinitions, modelBeside, type RowRequest } from '#targets';
import type {
  AcceptedWrite,
  ClientStatus,
  ClientTarget,
  EnlistingClient,
  EnlistOptions,
  RunOnCaller,
  SluiceClient,
  SubmitOptions,
  WriteRequest,
  WriteState,
} from './contract.ts';
import { assembleClient, type ClientParts } from './assemble-client.ts';
import type { ClientOptions } from './client-options.ts';
import { completeOptions, type CompleteOptions } from './complete-options.ts';
import { readStatus, usageOf } from './client-status.ts';
import type { CoordinatedPath } from './coordinated-path.ts';
import type { ClientUsage } from './observer.ts';
import type { TracedRequest } from './trace-write.ts';
import { KeyTaken, mayHaveEarlier } from './earlier-writes.ts';
import { joinWrite } from './join-write.ts';

/** Longest waits of a stopping client, in milliseconds: for its start, for the ends of waits after the drain, and for its paths. */
const stopLimitsMs = { start: 2000, endWaits: 5000, path: 2000 };

export function createClient(options: ClientOptions): EnlistingClient {
  return new Client(options);
}

/** A request of a client, in the form that its paths need. */
interface Asked {
  traced: TracedRequest;
  /** @param traceparent Names the span that is the parent of the further spans of the write. */
  prepare: (traceparent: string | null) => Promise<Write>;
}

class Client implements EnlistingClient {
  readonly model: Model;
  readonly #options: CompleteOptions;
  readonly #parts: ClientParts;
  /** The drain has ended: a further write does not wait. */
  #isEnding = false;
  #started: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;

  constructor(options: ClientOptions) {
    this.#options = completeOptions(options);
    this.model = modelBeside(checkDefinitions(this.#options.targets), options.model);
    this.#parts = assembleClient(this.#options, this.model);
  }

  start(): Promise<void> {
    if (this.#stopped === null) this.#parts.underWay.open();
    return (this.#started ??= this.#start());
  }

  async #start(): Promise<void> {
    const { mode, lanes, onOverload, projections, targets } = this.#options;
    await detectPooler(this.#parts.database.options);
    // In parallel, because a client waits while a sleeping store is opened.
    const listening = this.#parts.completion.start();
    listening.catch(() => undefined);
    await this.#parts.readiness.requireRights();
    // The fast path needs no check here: the database lets it settle only with the agreed projections.
    const settlesAll = mode !== 'coordinated' || onOverload === 'bypass';
    const agreed = await this.#parts.rows.open();
    await agree(this.#parts.database, {
      lanes,
      modelHash: this.model.hash,
      ...(settlesAll ? { projections } : {}),
      ...(settlesAll || targets.length > 0 ? { targets: agreed } : {}),
    });
    await this.#parts.clock.start();
    await this.#parts.path.start();
    await listening;
  }

  /** The stop ends within `drainMs` and {@link stopLimitsMs}, whatever the database does. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    const drained = this.#parts.underWay.close(this.#options.drainMs);
    await settleWithin([this.#started], stopLimitsMs.start);
    if (!(await drained)) {
      this.#isEnding = true;
      this.#parts.intake?.giveUp();
      this.#parts.waits.endAll();
      if (!(await this.#parts.underWay.close(stopLimitsMs.endWaits))) this.#parts.waits.abandonAll();
    }
    this.#parts.clock.stop();
    await settleWithin([this.#stopPath()], stopLimitsMs.path);
    await this.#parts.database.close();
  }

  async #stopPath(): Promise<void> {
    await this.#parts.waits.over();
    await Promise.all([this.#parts.path.stop(), this.#parts.completion.stop()]);
    await this.#parts.waits.close();
  }

  submit(request: WriteRequest, options?: SubmitOptions): Promise<Outcome> {
    return this.#submit(this.#ofDocument(request), options);
  }

  submitRow(request: RowRequest, options?: SubmitOptions): Promise<Outcome> {
    return this.#submit(this.#ofRow(request), options);
  }

  accept(request: WriteRequest): Promise<AcceptedWrite> {
    return this.#accept(this.#ofDocument(request));
  }

  acceptRow(request: RowRequest): Promise<AcceptedWrite> {
    return this.#accept(this.#ofRow(request));
  }

  enlist(request: WriteRequest, run: RunOnCaller, options?: EnlistOptions): Promise<AcceptedWrite> {
    return this.#enlist(this.#ofDocument(request), run, options);
  }

  enlistRow(request: RowRequest, run: RunOnCaller, options?: EnlistOptions): Promise<AcceptedWrite> {
    return this.#enlist(this.#ofRow(request), run, options);
  }

  #ofDocument(request: WriteRequest): Asked {
    const { operation, resource, traceparent } = request;
    return {
      traced: { operation, resource: resource.endpoint, traceparent },
      prepare: (span) => this.#parts.requests.prepare(request, span),
    };
  }

  #ofRow(request: RowRequest): Asked {
    const { operation, target, traceparent } = request;
    return {
      traced: { operation, resource: target, traceparent },
      prepare: (span) => this.#parts.rows.prepare(request, span),
    };
  }

  async #submit({ traced, prepare }: Asked, options: SubmitOptions = {}): Promise<Outcome> {
    const underWay = this.#parts.underWay.begin(traced);
    try {
      const { waitMs = this.#options.waitMs, signal } = options;
      if (signal?.aborted === true) throw new SluiceError('cancelled');
      const write = await prepare(underWay.traceparent);
      const outcome = await this.#outcomeOf(write, waitMs, signal);
      underWay.answer(outcome.result);
      return outcome;
    } catch (error) {
      throw underWay.fail(error);
    }
  }

  /** Of the write, or of the earlier write that has its idempotency key. */
  async #outcomeOf(write: Write, waitMs: number, signal?: AbortSignal): Promise<Outcome> {
    const { path, intake, earlier: earlierWrites, waits } = this.#parts;
    const until = performance.now() + waitMs;
    for (let looks = intake?.looksForKeyOf(write) !== true; ; looks = true) {
      const earlier = looks ? await earlierWrites.find(write) : null;
      if (earlier !== null && earlier.outcome !== null) return earlier.outcome;
      if (this.#isEnding) throw new SluiceError('stopping');
      const restMs = Math.max(0, until - performance.now());
      try {
        if (earlier !== null) return await waits.join(earlier.writeId, restMs, signal);
        return await path.submit(write, restMs, signal);
      } catch (error) {
        if (looks ? !(error instanceof KeyTaken) : !mayHaveEarlier(write, error)) throw error;
      }
    }
  }

  /** @throws {SluiceError} `invalid_request` for a node without an intake */
  #intakeTo(what: string): CoordinatedPath {
    if (this.#parts.intake !== null) return this.#parts.intake;
    throw new SluiceError('invalid_request', `Cannot ${what}: this node has no intake`);
  }

  async #accept({ traced, prepare }: Asked): Promise<AcceptedWrite> {
    const underWay = this.#parts.underWay.begin(traced);
    try {
      const write = await prepare(underWay.traceparent);
      const earlier = await this.#parts.earlier.find(write);
      if (earlier === null) {
        if (this.#isEnding) throw new SluiceError('stopping');
        await this.#intakeTo('answer before the outcome').accept(write, this.#options.waitMs);
      } else if (earlier.outcome === null) {
        // An asynchronous commit may have inserted a waiting write; an accepted write is flushed.
        await this.#parts.run('flush', []);
      }
      underWay.answer('accepted');
      return { writeId: earlier?.writeId ?? write.writeId };
    } catch (error) {
      throw underWay.fail(error);
    }
  }

  async #enlist(
    { traced, prepare }: Asked,
    run: RunOnCaller,
    options?: EnlistOptions,
  ): Promise<AcceptedWrite> {
    const underWay = this.#parts.underWay.begin(traced);
    try {
      const intake = this.#intakeTo(`join the caller's transaction`);
      const write = await prepare(underWay.traceparent);
      const earlier = await this.#parts.earlier.find(write);
      if (earlier === null) await intake.enlist(write, run, options);
      underWay.answer('accepted');
      return { writeId: earlier?.writeId ?? write.writeId };
    } catch (error) {
      throw underWay.fail(error);
    }
  }

  join: EnlistingClient['join'] = (writeId, { client = '', waitMs = this.#options.waitMs, signal } = {}) =>
    joinWrite(this.#parts, writeId, { waitMs, signal }, () => this.readWrite(client, writeId));

  readDocument: SluiceClient['readDocument'] = (...query) => this.#parts.documents.readDocument(...query);
  listDocuments: SluiceClient['listDocuments'] = (...query) => this.#parts.documents.listDocuments(...query);
  readDocuments: SluiceClient['readDocuments'] = (...query) => this.#parts.documents.readDocuments(...query);
  countDocuments: SluiceClient['countDocuments'] = (...query) =>
    this.#parts.documents.countDocuments(...query);
  readWrites: SluiceClient['readWrites'] = (...query) => this.#parts.writes.readWrites(...query);

  async readWrite(client: string, writeId: string): Promise<WriteState | null> {
    const [state] = await this.readWrites(client, [writeId]);
    return state ?? null;
  }

  targets(): readonly ClientTarget[] {
    return this.#parts.rows.targets;
  }

  status(): Promise<ClientStatus> {
    const isStarted = this.#started !== null && this.#stopped === null;
    return readStatus(this.#parts, this.#options.mode, isStarted);
  }

  usage = (): ClientUsage => usageOf(this.#parts);
}
