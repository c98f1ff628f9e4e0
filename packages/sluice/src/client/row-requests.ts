/** Makes writes of requests for tables, functions and handlers, and refuses invalid requests. */
import { rowOperations, SluiceError, type Write } from '#protocol';
import type { DatabaseClock } from '#store';
import type { ConfiguredTarget, RowRequest, Targets } from '#targets';
import type { BlockedQuota } from './blocked-quota.ts';
import type { ClientTarget } from './contract.ts';
import { prepareRow, type RowTarget } from './prepare-row.ts';
import { assertBody, assertIdempotencyKey, assertOperation } from './prepare-write.ts';
import { rowTableOf } from './row-table.ts';

interface RowRequestsOptions {
  /** Reads the targets and the catalog of their tables. */
  read: () => Promise<Targets>;
  clock: Pick<DatabaseClock, 'now'>;
  quota: Pick<BlockedQuota, 'check'>;
  lanes: number;
  documentBytesMax: number;
}

/** Shortest interval between reads of the catalog after a refusal, because the table may have changed. */
const readAgainMs = 1000;

export class RowRequests {
  readonly #options: RowRequestsOptions;
  #all: Targets | null = null;
  #byName: ReadonlyMap<string, RowTarget> = new Map();
  #targets: readonly ClientTarget[] = [];
  #readAt = 0;
  #reading: Promise<void> | null = null;

  constructor(options: RowRequestsOptions) {
    this.#options = options;
  }

  get targets(): readonly ClientTarget[] {
    return this.#targets;
  }

  /** Reads the targets; returns what the deployment agrees on. @throws {SluiceError} `configuration_invalid` */
  async open(): Promise<string> {
    this.#take(await this.#options.read());
    return this.#all!.agreed;
  }

  #take(all: Targets): void {
    this.#readAt = performance.now();
    this.#all = all;
    this.#targets = all.all.map(clientTargetOf);
    this.#byName = new Map(all.all.map((target) => [target.name, rowTargetOf(target, all)]));
  }

  /** @param traceparent Names the span that is the parent of the further spans of the write. */
  async prepare(request: RowRequest, traceparent: string | null): Promise<Write> {
    const { quota, documentBytesMax, lanes, clock } = this.#options;
    const { operation, client = '', idempotencyKey = null, waitForReferencesSeconds = null } = request;
    const target = this.#find(request.target);
    assertOperation(operation, rowOperations);
    assertIdempotencyKey(idempotencyKey);
    assertBody(request.body, documentBytesMax);
    if (waitForReferencesSeconds !== null) await quota.check(client);
    let write: Write;
    try {
      write = prepareRow(request, target, lanes, clock.now());
    } catch (error) {
      write = await this.#prepareAgain(request, target, error);
    }
    write.traceparent = traceparent;
    return write;
  }

  /** A table may take after a change what it refused before, so a refused request is tried again. */
  async #prepareAgain(request: RowRequest, target: RowTarget, error: unknown): Promise<Write> {
    const { lanes, clock } = this.#options;
    const isRefused = error instanceof SluiceError && error.code === 'invalid_document';
    if (!isRefused || target.table === null) throw error;
    await this.#readAgain();
    const changed = this.#find(request.target);
    if (changed.table?.catalog.hash === target.table.catalog.hash) throw error;
    return prepareRow(request, changed, lanes, clock.now());
  }

  /** Shares one read among concurrent callers. If the read fails, or the key differs from the agreed one, nothing changes. */
  async #readAgain(): Promise<void> {
    if (this.#readAt + readAgainMs > performance.now()) return;
    this.#reading ??= this.#options
      .read()
      .then((all) => {
        if (all.agreed === this.#all?.agreed) this.#take(all);
      })
      .catch(() => undefined)
      .finally(() => {
        this.#readAt = performance.now();
        this.#reading = null;
      });
    await this.#reading;
  }

  #find(name: string): RowTarget {
    const target = this.#byName.get(name) ?? this.#byName.get(`public.${name}`);
    if (target !== undefined) return target;
    throw new SluiceError('endpoint_not_found', `Cannot find the target: ${name}`);
  }
}

function rowTargetOf(target: ConfiguredTarget, all: Targets): RowTarget {
  const { name } = target;
  return target.kind === 'table'
    ? { name, table: rowTableOf(target.table, all.tables) }
    : { name, table: null, keyPaths: target.definition.key };
}

function clientTargetOf(target: ConfiguredTarget): ClientTarget {
  const { name, kind } = target;
  return kind === 'table'
    ? { name, kind, catalog: target.table, keyPaths: [] }
    : { name, kind, catalog: null, keyPaths: target.definition.key };
}
