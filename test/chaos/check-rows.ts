// Whether the promises were kept for rows: what the clients heard against the ledger that triggers wrote. The ledger orders the
// changes of each row, so all is found in passes over both.

import { ofTheMoment } from './check-refusals.ts';
import type { LedgerRow, RowRequest, RowTruth } from './row-history.ts';
import type { Verdict } from './verdict.ts';

export function checkRows(
  requests: ReadonlyMap<number, RowRequest>,
  truth: RowTruth,
  verdict: Verdict,
): void {
  const changes = new Map<number, LedgerRow[]>();
  const byRow = new Map<string, LedgerRow[]>();
  for (const change of truth.ledger) {
    // A delete is known by its row: its token is that of the row's last content.
    if (change.op !== 'DELETE') push(changes, change.token, change);
    push(byRow, `${change.target} ${change.key}`, change);
  }
  const deletes = new Map<string, RowRequest>();
  for (const request of requests.values()) {
    verdict.counts.attempts += request.tries;
    verdict.counts.fail += request.fails;
    verdict.counts.ok += request.acks;
    verdict.counts.info += request.tries - request.fails - request.acks;
    if (request.operation === 'delete') deletes.set(`${request.target} ${request.key}`, request);
    else if (request.target !== 'gauge') checkEffect(request, changes.get(request.token) ?? [], verdict);
    if (request.results.size > 1)
      verdict.found(
        'dishonest',
        `one request and two answers, ${[...request.results].join()}: ${request.token}`,
      );
  }
  for (const [token, of] of changes)
    if (!requests.has(token))
      verdict.found('unexpected', `nobody sent what is in ${of[0]!.target}: ${token}`);
  for (const [row, of] of byRow) checkRow(row, of, { requests, deletes }, verdict);
  for (const [row, request] of deletes) {
    const isDeleted = byRow.get(row)?.at(-1)?.op === 'DELETE';
    if (Number.isFinite(request.ackedAt) && !isDeleted) verdict.found('lost', `not deleted: ${row}`);
    if (isDeleted && request.fails === request.tries)
      verdict.found('dishonest', `failed, and deleted: ${row}`);
  }
  checkGauges(requests, truth, verdict);
  checkTables(truth, byRow, changes, verdict);
  checkRefusals(requests, deletes, verdict);
  verdict.found('dangling', 'a child without its parent, seen by the reader', truth.orphans);
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

/** A request takes effect once if it was acknowledged, never if each try has failed, and of an array as a whole. */
function checkEffect(request: RowRequest, changes: readonly LedgerRow[], verdict: Verdict): void {
  const { token, target, rows, ackedAt, fails, tries } = request;
  const what = `${request.operation} ${token} of ${target}`;
  if (changes.length > rows) verdict.found('duplicated', `applied ${changes.length} times: ${what}`);
  if (changes.length < rows && changes.length > 0)
    verdict.found('lost', `${changes.length} of ${rows} rows: ${what}`);
  if (changes.length > 0) {
    if (fails === tries) verdict.found('dishonest', `failed, and applied: ${what}`);
    else if (!Number.isFinite(ackedAt)) verdict.counts.recovered += 1;
  } else if (Number.isFinite(ackedAt)) verdict.found('lost', `acknowledged, and not there: ${what}`);
}

/** What was acknowledged before a write was sent comes before it. */
function checkRow(
  row: string,
  changes: readonly LedgerRow[],
  known: { requests: ReadonlyMap<number, RowRequest>; deletes: ReadonlyMap<string, RowRequest> },
  verdict: Verdict,
): void {
  let latest = Number.NEGATIVE_INFINITY;
  changes.forEach(({ op, token }) => {
    const request = op === 'DELETE' ? known.deletes.get(row) : known.requests.get(token);
    if (request === undefined) {
      if (op === 'DELETE') verdict.found('unexpected', `nobody deleted ${row}`);
      return;
    }
    if (request.ackedAt < latest)
      verdict.found('reordered', `a change of ${row} behind one that was sent after its answer: ${token}`);
    latest = Math.max(latest, request.invokedAt);
  });
}

/** Of upserts that may become one row write, only the last is there: no other was sent after its answer and acknowledged. */
function checkGauges(
  requests: ReadonlyMap<number, RowRequest>,
  { gauges }: RowTruth,
  verdict: Verdict,
): void {
  const lasts = new Map(gauges.map(({ name, token }) => [name, requests.get(token)]));
  for (const { target, key, token, invokedAt, ackedAt } of requests.values()) {
    if (target !== 'gauge' || !Number.isFinite(ackedAt)) continue;
    const last = lasts.get(key ?? '');
    if (last === undefined) verdict.found('lost', `acknowledged, and no row: gauge ${key}`);
    else if (last.ackedAt < invokedAt)
      verdict.found('lost', `gauge ${key} has ${last.token}, which was answered before ${token} was sent`);
  }
  for (const [name, request] of lasts) {
    if (request === undefined || request.key !== name)
      verdict.found('unexpected', `a gauge that nobody sent: ${name}`);
    else if (request.fails === request.tries)
      verdict.found('dishonest', `failed, and applied: gauge ${name}`);
  }
}

/** The tables are what the ledger says. */
function checkTables(
  truth: RowTruth,
  byRow: ReadonlyMap<string, readonly LedgerRow[]>,
  changes: ReadonlyMap<number, readonly LedgerRow[]>,
  verdict: Verdict,
): void {
  const rows = new Map(truth.rows.map(({ target, key, token }) => [`${target} ${key}`, token]));
  const counts = new Map<string, number>();
  for (const [row, of] of byRow) {
    const [target = ''] = row.split(' ');
    if (target === 'counter') counts.set(row, of.length);
    if (target === 'counter' || target === 'event') continue;
    const last = of.at(-1)!;
    const token = last.op === 'DELETE' ? undefined : last.token;
    if (rows.get(row) !== token) verdict.found('lost', `${row} is not as it was written last: ${token}`);
    rows.delete(row);
  }
  for (const row of rows.keys()) verdict.found('unexpected', `a row that no trigger saw: ${row}`);
  for (const { token, rows: count } of truth.events)
    if (changes.get(token)?.length !== count) verdict.found('unexpected', `rows of event ${token}: ${count}`);
  for (const { counter, n } of truth.counters)
    if (counts.get(`counter ${counter}`) !== n)
      verdict.found('lost', `${counter} stands at ${n}, not at ${counts.get(`counter ${counter}`) ?? 0}`);
}

function checkRefusals(
  requests: ReadonlyMap<number, RowRequest>,
  deletes: ReadonlyMap<string, RowRequest>,
  verdict: Verdict,
): void {
  const shelves = new Map(
    [...requests.values()]
      .filter(({ target }) => target === 'shelf')
      .map((request) => [request.key, request]),
  );
  for (const request of requests.values()) {
    const { target, key, shelf, invokedAt, endedAt } = request;
    for (const code of request.codes) {
      if (ofTheMoment.has(code)) continue;
      const isTrue =
        code === 'unresolved_reference'
          ? shelf !== null && (shelves.get(shelf)?.ackedAt ?? Number.POSITIVE_INFINITY) >= invokedAt
          : code === 'row_not_found' &&
            (deletes.get(`${target} ${key}`)?.invokedAt ?? Number.POSITIVE_INFINITY) < endedAt &&
            request.operation === 'update';
      if (!isTrue)
        verdict.found('falselyRefused', `${code} of ${request.operation} ${request.token} of ${target}`);
    }
  }
}
