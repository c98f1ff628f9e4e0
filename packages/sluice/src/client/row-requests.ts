/** Requests for tables, functions and handlers become writes here: what is wrong by itself is refused. */
import { rowOperations, SluiceError, type Write } from '#protocol';
import type { DatabaseClock } from '#store';
import type { RowRequest } from '#targets';
import type { BlockedQuota } from './blocked-quota.ts';
import type { ClientTarget } from './contract.ts';
import { prepareRow, type RowTarget } from './prepare-row.ts';
import { assertBody, assertIdempotencyKey } from './prepare-write.ts';
import { rowTableOf } from './row-table.ts';

export interface RowRequestsOptions {
  clock: Pick<DatabaseClock, 'now'>;
  quota: Pick<BlockedQuota, 'check'>;
  lanes: number;
  documentBytesMax: number;
}

export class RowRequests {
  readonly #options: RowRequestsOptions;
  readonly #byName = new Map<string, RowTarget>();
  #targets: readonly ClientTarget[] = [];

  constructor(options: RowRequestsOptions) {
    this.#options = options;
  }

  get targets(): readonly ClientTarget[] {
    return this.#targets;
  }

  /** Takes what the database says of the targets, at the start and after a change of a table. */
  open(targets: readonly ClientTarget[]): void {
    const tables = targets.flatMap(({ catalog }) => (catalog === null ? [] : [catalog]));
    this.#byName.clear();
    for (const { name, catalog, keyPaths } of targets) {
      const target: RowTarget =
        catalog === null ? { name, table: null, keyPaths } : { name, table: rowTableOf(catalog, tables) };
      this.#byName.set(name, target);
    }
    this.#targets = targets;
  }

  /** @param traceparent Of the span that the further spans of the write are parts of. */
  async prepare(request: RowRequest, traceparent: string | null): Promise<Write> {
    const { clock, quota, lanes, documentBytesMax } = this.#options;
    const { operation, client = '', idempotencyKey = null, waitForReferencesSeconds = null } = request;
    const target = this.#find(request.target);
    if (!rowOperations.includes(operation)) {
      throw new SluiceError(
        'invalid_request',
        `Cannot take the operation: it is not one of ${rowOperations.join(', ')}`,
      );
    }
    assertIdempotencyKey(idempotencyKey);
    assertBody(request.body, documentBytesMax);
    if (waitForReferencesSeconds !== null) await quota.check(client);
    const write = prepareRow(request, target, lanes, clock.now());
    write.traceparent = traceparent;
    return write;
  }

  #find(name: string): RowTarget {
    const target = this.#byName.get(name) ?? this.#byName.get(`public.${name}`);
    if (target !== undefined) return target;
    throw new SluiceError('endpoint_not_found', `Cannot find the target: ${name}`);
  }
}
