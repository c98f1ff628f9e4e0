// What a batch does.

import type { Row } from 'sluice/internal/store';
import { guards } from '../guards.ts';
import type { Steps, TableName, Values } from '../tables.ts';
import {
  answerRow,
  by,
  type Call,
  expectRows,
  list,
  noDocument,
  notify,
  number,
  numbers,
  read,
  removeCounted,
  type Statement,
  strings,
  text,
  texts,
  unnest,
} from './rows.ts';

const answerColumns = [
  'write_id',
  'term',
  'lane',
  'result',
  'code',
  'resource',
  'client',
  'document_id',
  'version',
  'content_hash',
  'detail',
];

const outcomeRows = ([batchId, ...columns]: readonly unknown[]): Values[] =>
  unnest(answerColumns, columns).map((row, ordinal) => ({
    ...row,
    ordinal,
    batch_id: batchId,
  }));

/** Rows with a counter that a table's own triggers would keep. */
function* insertRows(call: Call, name: TableName, rows: Values[], order?: string): Steps<Row[]> {
  yield* call.access.insert(name, order === undefined ? rows : rows.sort(by(order)));
  return [];
}

function* updateCounted(
  call: Call,
  rows: readonly Values[],
  change: (planned: Values) => Values,
): Steps<Row[]> {
  const planned = new Map(rows.map((row) => [row['document_id'], row]));
  const updated = yield* call.access.update(
    'document',
    (row) => {
      const plan = planned.get(row['document_id']);
      return plan !== undefined && (!guards.rowCounts || plan['planned_on'] === row['version']);
    },
    (row) => {
      const changed = change(planned.get(row['document_id']) ?? row);
      return changed['lane'] === row['lane'] ? changed : { ...changed, changed_lane: true };
    },
  );
  expectRows(rows.length, updated.length);
  return [];
}

const documentColumns = ['lane', 'referential_id', 'superclass_id', 'version', 'content_hash'];

function documentValues(planned: Values, body: unknown): Values {
  return { ...Object.fromEntries(documentColumns.map((column) => [column, planned[column]])), body };
}

const bodyOf = ({ access }: Call, writeId: unknown): Values | undefined =>
  access.select('intake', (row) => row['write_id'] === writeId)[0];

export const commitStatements = {
  *removeReferences(call) {
    const pairs = new Set(unnest(['d', 'r'], call.values).map(({ d, r }) => `${d as string} ${r as string}`));
    return yield* removeCounted(
      call,
      'reference',
      list(call.values[0]),
      (row) => pairs.has(`${text(row, 'document_id')} ${text(row, 'referential_id')}`),
      (one, other) => by('referential_id')(one, other) || by('document_id')(one, other),
    );
  },
  *removeAliases({ access, values }) {
    const ids = strings(values[0]);
    const removed = yield* access.remove(
      'alias',
      (row) => ids.has(text(row, 'document_id')),
      by('referential_id'),
    );
    expectRows(list(values[0]).length, new Set(removed.map((row) => row['document_id'])).size);
    return [];
  },
  *removeDocuments(call) {
    const versions = new Map(unnest(['id', 'version'], call.values).map(({ id, version }) => [id, version]));
    return yield* removeCounted(
      call,
      'document',
      list(call.values[0]),
      (row) =>
        versions.has(row['document_id']) &&
        (!guards.rowCounts || versions.get(row['document_id']) === row['version']),
      by('document_id'),
    );
  },
  *insertDocuments(call) {
    const columns = ['document_id', 'lane', 'resource', ...documentColumns.slice(1), 'body'];
    return yield* insertRows(call, 'document', unnest(columns, call.values), 'document_id');
  },
  *moveUpdates(call) {
    const rows = unnest(['document_id', 'write_id', ...documentColumns, 'planned_on'], call.values);
    return yield* updateCounted(call, rows, (planned) =>
      documentValues(planned, bodyOf(call, planned['write_id'])?.['body'] ?? null),
    );
  },
  *updateDocuments(call) {
    const rows = unnest(['document_id', ...documentColumns, 'planned_on', 'body'], call.values);
    return yield* updateCounted(call, rows, (planned) => documentValues(planned, planned['body']));
  },
  *settleWrites(call) {
    const { access, values } = call;
    const [isNew, isIntake, ...more] = values.slice(12);
    const isOfNew = new Map(texts(values[1]).map((id, index) => [id, list(isNew)[index] === true]));
    const given = outcomeRows(values);
    const taken =
      isIntake === true ? yield* access.remove('intake', (row) => isOfNew.has(text(row, 'write_id'))) : [];
    if (isIntake === true) expectRows(given.length, taken.length);
    const writes = new Map(taken.map((row) => [text(row, 'write_id'), row]));
    const documents = given.flatMap(({ write_id, document_id, lane, version, content_hash }) => {
      const write = writes.get(write_id as string);
      if (write === undefined || isOfNew.get(write_id as string) !== true) return [];
      const { resource, referential_id, superclass_id, body } = write;
      return [{ document_id, resource, lane, referential_id, superclass_id, version, content_hash, body }];
    });
    yield* access.insert('document', documents.sort(by('document_id')));
    const aliases = unnest(['referential_id', 'document_id', 'lane'], more.slice(0, 3));
    const references = unnest(['document_id', 'referential_id', 'lane'], more.slice(3, 6));
    yield* insertRows(call, 'alias', aliases, 'referential_id');
    yield* insertRows(call, 'reference', references.sort(by('document_id')), 'referential_id');
    yield* insertRows(call, 'outcome', given);
    return [];
  },
  *insertOutcomes(call) {
    return yield* insertRows(call, 'outcome', outcomeRows(call.values));
  },
  *cancelWrites(call) {
    const [batchId, ids, lanes, ...columns] = call.values;
    const ofLanes = numbers(lanes);
    yield* call.access.lockAll('lane', (row) => ofLanes.has(number(row, 'lane')), 'noKeyUpdate', by('lane'));
    const access = call.access.next();
    const rows = unnest(['write_id', 'lane', 'resource', 'client'], [ids, lanes, ...columns])
      .map((row, ordinal) => ({ ...row, batch_id: batchId, term: null, ordinal }))
      .map((row) => ({ ...row, result: 'not_applied', code: 'cancelled', ...noDocument }))
      .filter((row) => !access.exists('outcome', (other) => other['write_id'] === text(row, 'write_id')));
    const cancelled = new Set(rows.map((row) => text(row, 'write_id')));
    yield* insertRows({ ...call, access }, 'outcome', rows);
    yield* access.remove('awaited', (row) => cancelled.has(text(row, 'write_id')));
    // Part of the same statement that nothing reads: PostgreSQL runs it last.
    yield* access.remove('intake', (row) => cancelled.has(text(row, 'write_id')));
    const settled = access.next();
    return texts(ids).map((id) => ({
      write_id: id,
      ...answerRow(settled.select('outcome', (row) => row['write_id'] === id)[0]),
    }));
  },
  *insertKeys(call) {
    return yield* insertRows(
      call,
      'idempotency_key',
      unnest(['client', 'key', 'fingerprint', 'write_id'], call.values),
    );
  },
  *insertDeadLetter({ access, values }) {
    yield* access.insert(
      'dead_letter',
      access.select('intake', (row) => row['write_id'] === values[0]),
    );
    return [];
  },
  hintNodes: read((call) => {
    for (const { node, ids } of unnest(['node', 'ids'], call.values))
      notify(call, `node_${node as number}`, ids as string);
    return [];
  }),
  hintProvided: read((call) => {
    for (const ids of texts(call.values[0])) notify(call, 'provided', ids);
    return [];
  }),
  hintAwaited: read((call) => {
    const ids = strings(call.values[0]);
    const waiting = call.access.select('awaited', (row) => ids.has(text(row, 'awaited_id')));
    const lanes = [...new Set(waiting.map((row) => row['lane']))].join(',');
    if (lanes === '') return [];
    for (const payload of texts(call.values[1])) notify(call, 'provided', `${payload};${lanes}`);
    return [];
  }),
  hintWriters: read((call) => {
    for (const { channel, lanes } of unnest(['channel', 'lanes'], call.values))
      notify(call, channel as string, lanes as string);
    return [];
  }),
  hintFreeLanes: read((call) => {
    notify(call, 'lanes');
    return [];
  }),
} satisfies Record<string, Statement>;
