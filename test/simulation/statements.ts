// The statements of sql/queries, by name, over rows in memory. Each does what its SQL says, no more: what it may see and
// whom it waits for is the business of tables.ts. conformance.test.ts runs scripts of them here and on the real server.

import type { Row } from '@sluice/store';
import { clock } from './clock.ts';
import { guards } from './guards.ts';
import type { Server, ServerSession } from './server.ts';
import { databaseError, type Access, type Steps, type TableName, type Values } from './tables.ts';

export interface Call {
  access: Access;
  values: readonly unknown[];
  session: ServerSession;
  server: Server;
}

type Statement = (call: Call) => Steps<Row[]>;

const laneLock = 1_936_486_757;
const sessionLock = 1_936_486_758;

const now = (): string => new Date(clock.epochMs).toISOString();
const list = (value: unknown): readonly unknown[] => value as readonly unknown[];
const texts = (value: unknown): readonly string[] => value as readonly string[];
const lanesOf = (value: unknown): readonly number[] => value as readonly number[];
const strings = (value: unknown): ReadonlySet<string> => new Set(texts(value));
const numbers = (value: unknown): ReadonlySet<number> => new Set(lanesOf(value));
const text = (row: Values, column: string): string => row[column] as string;
const number = (row: Values, column: string): number => row[column] as number;
const by =
  (column: string) =>
  (one: Values, other: Values): number =>
    (one[column] as string) < (other[column] as string) ? -1 : one[column] === other[column] ? 0 : 1;
const byPosition = (one: Values, other: Values): number =>
  number(one, 'position') - number(other, 'position');

/** Arrays of columns as rows. */
function unnest(columns: readonly string[], values: readonly unknown[]): Values[] {
  const length = list(values[0]).length;
  return Array.from({ length }, (_, index) =>
    Object.fromEntries(columns.map((column, at) => [column, list(values[at])[index] ?? null])),
  );
}

/** A statement that only reads. */
const read = (select: (call: Call) => Values[]): Statement =>
  // oxlint-disable-next-line eslint/require-yield
  function* (call) {
    return select(call).map(copy);
  };

/** A client owns what it reads. */
function copy(row: Values): Row {
  const own: Row = { ...row };
  for (const [name, value] of Object.entries(own)) if (Array.isArray(value)) own[name] = value.slice();
  return own;
}

function expectRows(planned: number, touched: number): void {
  if (guards.rowCounts && planned !== touched) throw databaseError('SL001');
}

const provides = (row: Values, id: unknown): boolean =>
  (row['referential_id'] === id || row['superclass_id'] === id) && row['operation'] !== 'delete';
const isBlocked = (row: Values): boolean => row['blocked_at'] !== null;

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

/** A write as the drain reads it: a deadline that has passed is none. */
function headerRow(row: Values): Values {
  const { body: _, blocked_at: __, reference_deadline, ...header } = row;
  return {
    ...header,
    waited_seconds: null,
    traceparent: null,
    reference_deadline: isDue(reference_deadline) ? null : reference_deadline,
  };
}
const isDue = (deadline: unknown): boolean =>
  deadline !== null && Date.parse(deadline as string) <= clock.epochMs;

const outcomeColumns = [
  'result',
  'code',
  'resource',
  'document_id',
  'version',
  'content_hash',
  'detail',
] as const;
function answerRow(outcome: Values | undefined): Values {
  const answer = Object.fromEntries(outcomeColumns.map((column) => [column, outcome?.[column] ?? null]));
  return {
    ...answer,
    detail: answer['detail'] === null ? null : (JSON.parse(answer['detail'] as string) as unknown),
  };
}

const noDocument = { document_id: null, version: null, content_hash: null, detail: null };

/** Rows with a counter that a table's own triggers would keep. */
function* insertRows(call: Call, name: TableName, rows: Values[], order?: string): Steps<Row[]> {
  yield* call.access.insert(name, order === undefined ? rows : rows.sort(by(order)));
  return [];
}

function* removeCounted(
  call: Call,
  name: TableName,
  ids: readonly unknown[],
  where: (row: Values) => boolean,
): Steps<Row[]> {
  const removed = yield* call.access.remove(name, where);
  expectRows(ids.length, removed.length);
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
    (row) => change(planned.get(row['document_id']) ?? row),
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

const pairOf = (row: Values): string => `${text(row, 'awaited_id')} ${text(row, 'write_id')}`;

const later = (milliseconds: unknown): string =>
  new Date(clock.epochMs + (milliseconds as number)).toISOString();
/** A time that is over, or none. */
const isPast = (time: unknown): boolean => time === null || Date.parse(time as string) <= clock.epochMs;

function inTerms(lanes: unknown, terms: unknown): (row: Values) => boolean {
  const led = new Map(unnest(['lane', 'term'], [lanes, terms]).map(({ lane, term }) => [lane, term]));
  return (row) => led.has(row['lane']) && led.get(row['lane']) === row['term'];
}

export function ledLanes(access: Access, server: Server): Set<number> {
  const leased = access.select('lane', (row) => !isPast(row['leased_until']));
  return new Set([...server.locksOf(laneLock), ...leased.map((row) => number(row, 'lane'))]);
}

function* openLanes(
  { access, values, session }: Call,
  more: () => Values,
  isFree: (row: Values) => boolean = () => true,
): Steps<Row[]> {
  const lanes = numbers(values[0]);
  const opened = yield* access.update(
    'lane',
    (row) => lanes.has(number(row, 'lane')) && isFree(row),
    (row) => ({
      term: number(row, 'term') + 1,
      writer_id: values[1],
      session_pid: session.pid,
      led_since: now(),
      suspect_since: row['writer_id'] === null ? row['suspect_since'] : (row['suspect_since'] ?? now()),
      ...more(),
    }),
    by('lane'),
  );
  return opened.map((row) => ({
    lane: row['lane'],
    term: row['term'],
    is_suspect: row['suspect_since'] !== null,
    tried: [...(row['tried'] as string[])],
    tried_alone: row['tried_alone'],
  }));
}

const notify = ({ access }: Call, channel: string, payload = ''): void =>
  void access.transaction.notes.push({ channel, payload });

/** Writes that stand before others in the order of a document. */
function readBefore(counts: (row: Values) => boolean): Statement {
  return read(({ access, values }) => {
    const named = new Set<unknown>(list(values[0]));
    const meant = new Set<unknown>(list(values[1]));
    const own = strings(values[2] ?? []);
    for (const row of access.select('document', ({ document_id }) => meant.has(document_id))) {
      named.add(row['referential_id']);
      if (row['superclass_id'] !== null) named.add(row['superclass_id']);
    }
    const identities = new Set<unknown>(list(values[0]));
    for (const row of access.select('alias', ({ referential_id }) => identities.has(referential_id)))
      meant.add(row['document_id']);
    return access
      .select(
        'intake',
        (row) =>
          counts(row) &&
          !own.has(text(row, 'write_id')) &&
          (named.has(row['referential_id']) ||
            named.has(row['superclass_id']) ||
            meant.has(row['document_id'])),
      )
      .map((row) => {
        const [held] = access.select('document', ({ document_id }) => document_id === row['document_id']);
        return {
          write_id: row['write_id'],
          position: row['position'],
          document_id: row['document_id'],
          referential_id: row['referential_id'],
          superclass_id: row['superclass_id'],
          held_referential_id: held?.['referential_id'] ?? null,
          held_superclass_id: held?.['superclass_id'] ?? null,
        };
      });
  });
}

export const statements: Readonly<Record<string, Statement>> = {
  // Agreement, and rows for people
  *proposeSettings(call) {
    yield* call.access.insert('setting', unnest(['name', 'value'], call.values), 'nothing');
    return [];
  },
  readSettings: read(({ access, server }) => [
    ...access.select('setting'),
    { name: 'schema_version', value: String(server.schemaVersion) },
  ]),
  maySettle: read(() => [{ may_settle: true }]),
  *createLanes(call) {
    const lanes = Array.from({ length: call.values[0] as number }, (_, lane) => ({
      lane,
      term: 0,
      paused_at: null,
      led_since: null,
      leased_until: null,
      writer_id: null,
      suspect_since: null,
      tried: [],
      tried_alone: 0,
      left_at: now(),
    }));
    yield* call.access.insert('lane', lanes, 'nothing');
    return [];
  },
  *registerWriter({ access, values }) {
    yield* access.insert('writer', [{ writer_id: values[0] }], 'nothing');
    return [];
  },
  noteSession: read(() => []),
  isBackendWorking: read(({ server, values }) => [
    { is_working: [...server.sessions].some(({ pid, isAtWork }) => pid === values[0] && isAtWork) },
  ]),
  retireWriter: read(() => []),
  forgetWriters: read(() => []),
  forgetOutcomes: read(() => []),
  forgetKeys: read(() => []),
  forgetLeases: read(() => []),
  noteRetry: read(() => []),
  forgetRetry: read(() => []),

  // Lanes
  retireSession: read(({ session }) => {
    session.unlock(sessionLock, session.pid);
    return [{ retired: true }];
  }),
  *awaitSessionEnd({ values, server }) {
    const pid = values[0] as number;
    if (server.locksOf(sessionLock).includes(pid)) yield server.untilUnlocked(sessionLock, pid, 900);
    return [{ has_ended: !server.locksOf(sessionLock).includes(pid) }];
  },
  announceSession: read(({ session }) => [{ announced: session.tryLock(sessionLock, session.pid) }]),
  tryLanes: read(({ session, values }) =>
    lanesOf(values[0])
      .filter((lane) => session.tryLock(laneLock, lane))
      .map((lane) => ({ lane })),
  ),
  unlockLanes: read(({ session, values }) => {
    for (const lane of lanesOf(values[0])) session.unlock(laneLock, lane);
    return [{}];
  }),
  *lockTerms({ access, values }) {
    const lanes = numbers(values[0]);
    const rows = yield* access.lockAll(
      'lane',
      (row) => lanes.has(number(row, 'lane')),
      'noKeyUpdate',
      by('lane'),
    );
    return rows.map(({ row }) => ({
      lane: row['lane'],
      term: row['term'],
      is_paused: row['paused_at'] !== null,
    }));
  },
  *lockFreeTerms({ access, values }) {
    const lanes = numbers(values[0]);
    const isMeant = (row: Values): boolean => lanes.has(number(row, 'lane')) && row['paused_at'] === null;
    const rows = yield* access.lockAll('lane', isMeant, 'noKeyUpdate', by('lane'), 'skip');
    return rows.map(({ row }) => ({ lane: row['lane'] }));
  },
  *openTerms(call) {
    return yield* openLanes(call, () => ({}));
  },
  *takeLeases(call) {
    const lease = { leased_until: later(call.values[2]) };
    return yield* openLanes(
      call,
      () => lease,
      (row) => isPast(row['leased_until']),
    );
  },
  *renewLeases({ access, values: [sessionId, writerId, lanes, terms, leaseMs] }) {
    access.transaction.isUnflushed = true;
    const session = { session_id: sessionId, writer_id: writerId, alive_until: later(leaseMs) };
    const known = yield* access.update(
      'lease_session',
      (row) => row['session_id'] === sessionId,
      () => session,
    );
    if (known.length === 0) yield* access.insert('lease_session', [session], 'nothing');
    const isMine = inTerms(lanes, terms);
    const renewed = yield* access.update(
      'lane',
      isMine,
      () => ({ leased_until: later(leaseMs) }),
      by('lane'),
    );
    return renewed.map(({ lane }) => ({ lane }));
  },
  *endLease({ access, values }) {
    yield* access.remove('lease_session', (row) => row['session_id'] === values[0]);
    return [];
  },
  *closeTerms({ access, values }) {
    yield* access.update('lane', inTerms(values[0], values[1]), () => ({
      writer_id: null,
      session_pid: null,
      led_since: null,
      leased_until: null,
      left_at: now(),
    }));
    return [];
  },
  readFronts: read(({ access, values }) =>
    lanesOf(values[0])
      .flatMap((lane) =>
        access
          .select('intake', (row) => row['lane'] === lane && !isBlocked(row))
          .sort(byPosition)
          .slice(0, values[1] as number),
      )
      .sort(byPosition)
      .map(({ lane, write_id }) => ({ lane, write_id })),
  ),
  *markTrial({ access, values: [lanes, terms, ofLanes, ids, isAlone] }) {
    const writes = unnest(['lane', 'write_id'], [ofLanes, ids]);
    const marked = yield* access.update('lane', inTerms(lanes, terms), (row) => {
      const tried = writes.filter(({ lane }) => lane === row['lane']).map((write) => write['write_id']);
      const isSame = JSON.stringify(row['tried']) === JSON.stringify(tried);
      return { tried, tried_alone: isAlone !== true ? 0 : isSame ? number(row, 'tried_alone') + 1 : 1 };
    });
    return marked.map(() => ({}));
  },
  *clearSuspicion({ access, values }) {
    yield* access.update('lane', inTerms(values[0], values[1]), () => ({
      suspect_since: null,
      tried: [],
      tried_alone: 0,
    }));
    return [];
  },
  beat: read(({ access, server, values }) => {
    const led = numbers(values[0]);
    const isLease = values[2] === true;
    const has = (where: (row: Values) => boolean): boolean => access.exists('intake', where);
    const alive = access.select('lease_session', (row) => !isPast(row['alive_until']));
    const leased = access.select('lane', (row) => !isPast(row['leased_until']));
    return [
      {
        leasing_sessions: isLease ? alive.length : null,
        session_pids: isLease ? null : server.locksOf(sessionLock).sort((a, b) => a - b),
        led_lanes: isLease ? leased.map(({ lane }) => lane) : server.locksOf(laneLock),
        paused_lanes: [],
        is_draining: false,
        has_ready: has((row) => led.has(number(row, 'lane')) && !isBlocked(row)),
        has_blocked: has((row) => led.has(number(row, 'lane')) && isBlocked(row)),
        has_blocked_elsewhere: has((row) => !led.has(number(row, 'lane')) && isBlocked(row)),
      },
    ];
  }),
  readGauge: read(({ access, server }) => {
    const led = ledLanes(access, server);
    return access.select('lane').map((row) => ({
      lane: row['lane'],
      is_led: led.has(number(row, 'lane')),
      changed_seconds: 0,
      behind: 0,
      oldest_seconds: 0,
    }));
  }),

  // A listener's own
  listen: read(({ session, values }) => {
    session.listen(values[0] as string);
    return [];
  }),
  echo: read((call) => {
    notify(call, call.values[0] as string);
    return [];
  }),

  // Intake
  *insertIntake(call) {
    const { access, values, server } = call;
    const columns = [
      'write_id',
      'lane',
      'operation',
      'resource',
      'document_id',
      'referential_id',
      'superclass_id',
      'reference_ids',
      'content_hash',
      'if_match',
      'client',
      'idempotency_key',
      'wait',
      'node',
      'body',
    ];
    const isAgain = values[16] === true;
    const rows = unnest(columns, values)
      .filter((row) => !isAgain || !access.exists('intake', (each) => each['write_id'] === row['write_id']))
      .map(({ wait, ...row }) => ({
        ...row,
        reference_ids: text(row, 'reference_ids').slice(1, -1).split(',').filter(Boolean),
        position: ++server.position,
        accepted_at: now(),
        reference_deadline:
          wait === null ? null : new Date(clock.epochMs + (wait as number) * 1000).toISOString(),
        blocked_at: null,
        was_blocked: false,
      }));
    yield* access.insert('intake', rows);
    if (values[15] === true) notify(call, 'sluice_wakeup');
    return [];
  },
  readReady: read(({ access, values }) => {
    const behind = new Map(
      unnest(['lane', 'low'], [values[0], values[2]]).map(({ lane, low }) => [lane, low]),
    );
    return access
      .select(
        'intake',
        (row) =>
          behind.has(row['lane']) &&
          number(row, 'position') > (behind.get(row['lane']) as number) &&
          !isBlocked(row),
      )
      .sort(byPosition)
      .slice(0, values[1] as number)
      .map(headerRow);
  }),
  readWriting: read(({ server }) => {
    const transactions = server.writingTo('intake');
    return [{ transactions, writing: transactions.length }];
  }),
  readWrites: read(({ access, values }) => {
    const ids = strings(values[0]);
    return access
      .select('intake', (row) => ids.has(text(row, 'write_id')) && (!isBlocked(row) || values[1] === true))
      .sort(byPosition)
      .map(headerRow);
  }),
  *removeIntake(call) {
    const ids = strings(call.values[0]);
    return yield* removeCounted(call, 'intake', list(call.values[0]), (row) =>
      ids.has(text(row, 'write_id')),
    );
  },
  readWaiting: read(({ access, values }) =>
    texts(values[0]).map((id) => ({
      write_id: id,
      is_pending: access.exists('intake', (row) => row['write_id'] === id),
      ...answerRow(access.select('outcome', (row) => row['write_id'] === id)[0]),
      settled_seconds: null,
    })),
  ),
  *flush({ access }) {
    // Any row that is written will do.
    yield* access.update(
      'setting',
      () => true,
      () => ({}),
    );
    return [{ flushed: true }];
  },
  findTarget: read(({ access, values: [id, resource] }) => {
    const found = [
      ...access.select('document', (row) => row['document_id'] === id && row['resource'] === resource),
      ...access.select(
        'intake',
        (row) => row['write_id'] === id && row['resource'] === resource && row['operation'] === 'upsert',
      ),
    ];
    return found
      .slice(0, 1)
      .map((row) => ({ referential_id: row['referential_id'], superclass_id: row['superclass_id'] }));
  }),
  readBodies: read(({ access, values }) => {
    const ids = strings(values[0]);
    return access
      .select('intake', (row) => ids.has(text(row, 'write_id')))
      .map((row) => ({ write_id: row['write_id'], body: row['body'] }));
  }),

  // Facts
  readAliases: read(({ access, values }) => {
    const own = strings(values[2]);
    const aliasOf = (id: string): Values | undefined =>
      access.select('alias', (row) => row['referential_id'] === id)[0];
    const provided = texts(values[0]).flatMap((id) => {
      const alias = aliasOf(id);
      return alias === undefined
        ? []
        : [{ referential_id: id, document_id: alias['document_id'], is_pending: false }];
    });
    const referred = texts(values[1]).map((id) => {
      const alias = aliasOf(id);
      const is_pending =
        alias === undefined &&
        access.exists('intake', (row) => provides(row, id) && !own.has(text(row, 'write_id')));
      return { referential_id: id, document_id: alias?.['document_id'] ?? null, is_pending };
    });
    return [...provided, ...referred];
  }),
  *lockDocuments({ access, values }) {
    const ids = strings(values[0]);
    const rank = new Map([...ids].map((id, index) => [id, index]));
    const order = guards.lockOrder
      ? by('document_id')
      : (one: Values, other: Values) =>
          (rank.get(text(one, 'document_id')) ?? 0) - (rank.get(text(other, 'document_id')) ?? 0);
    const rows = yield* access.lockAll(
      'document',
      (row) => ids.has(text(row, 'document_id')),
      'noKeyUpdate',
      order,
    );
    return rows.map(({ row }) => ({ ...row, body: null }));
  },
  readReferences: read(({ access, values }) => {
    const ids = strings(values[0]);
    const referred = new Map<string, string[]>();
    for (const row of access.select('reference', (each) => ids.has(text(each, 'document_id')))) {
      const id = text(row, 'document_id');
      referred.set(id, [...(referred.get(id) ?? []), text(row, 'referential_id')]);
    }
    return [...referred].map(([document_id, reference_ids]) => ({ document_id, reference_ids }));
  }),
  readReferrers: read(({ access, values }) => {
    const ids = strings(values[0]);
    return access
      .select('alias', (alias) => ids.has(text(alias, 'document_id')))
      .flatMap((alias) =>
        access
          .select(
            'reference',
            (row) =>
              row['referential_id'] === alias['referential_id'] &&
              row['document_id'] !== alias['document_id'],
          )
          .slice(0, values[1] as number)
          .flatMap((row) =>
            access
              .select('document', ({ document_id }) => document_id === row['document_id'])
              .map(({ resource }) => ({
                document_id: alias['document_id'],
                referrer_id: row['document_id'],
                resource,
              })),
          ),
      );
  }),
  readKeys: read(({ access, values }) =>
    unnest(['client', 'key'], values).flatMap((wanted) =>
      keyRows(access, wanted['client'], wanted['key']).map((row) => ({ ...row, ...wanted })),
    ),
  ),
  readSettled: read(({ access, values }) => {
    const ids = strings(values[0]);
    return access
      .select('outcome', (row) => ids.has(text(row, 'write_id')))
      .map(({ write_id }) => ({ write_id }));
  }),
  readArrival: read(({ server }) => [{ position: server.position }]),
  readBlockedKeys: readBefore(isBlocked),
  readAhead: readBefore(() => true),

  // Commit
  *removeReferences(call) {
    const pairs = new Set(unnest(['d', 'r'], call.values).map(({ d, r }) => `${d as string} ${r as string}`));
    return yield* removeCounted(call, 'reference', list(call.values[0]), (row) =>
      pairs.has(`${text(row, 'document_id')} ${text(row, 'referential_id')}`),
    );
  },
  *removeAliases({ access, values }) {
    const ids = strings(values[0]);
    const removed = yield* access.remove('alias', (row) => ids.has(text(row, 'document_id')));
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
    const references = unnest(['document_id', 'referential_id', 'lane'], more.slice(3));
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
  *buryWrite({ access, values }) {
    yield* access.insert(
      'dead_letter',
      access.select('intake', (row) => row['write_id'] === values[0]),
    );
    return [];
  },
  hintNodes: read((call) => {
    for (const { node, ids } of unnest(['node', 'ids'], call.values))
      notify(call, `sluice_node_${node as number}`, ids as string);
    return [];
  }),
  hintProvided: read((call) => {
    for (const ids of texts(call.values[0])) notify(call, 'sluice_provided', ids);
    return [];
  }),
  hintAwaited: read((call) => {
    const ids = strings(call.values[0]);
    if (!call.access.exists('awaited', (row) => ids.has(text(row, 'awaited_id')))) return [];
    for (const payload of texts(call.values[1])) notify(call, 'sluice_provided', payload);
    return [];
  }),
  hintWriters: read((call) => {
    notify(call, 'sluice_wakeup');
    return [];
  }),
  hintFreeLanes: read((call) => {
    notify(call, 'sluice_lanes');
    return [];
  }),

  // Blocked writes
  *blockWrites({ access, values }) {
    const ids = strings(values[0]);
    const blocked = yield* access.update(
      'intake',
      (row) => ids.has(text(row, 'write_id')),
      (row) => ({ blocked_at: row['blocked_at'] ?? now(), was_blocked: true }),
    );
    expectRows(ids.size, blocked.length);
    return [];
  },
  *addAwaited({ access, values }) {
    const rows = unnest(['write_id', 'awaited_id', 'lane'], values).map((row) => ({ ...row, failure: null }));
    yield* access.insert('awaited', rows, 'nothing');
    return [];
  },
  *removeAwaited({ access, values }) {
    const ids = strings(values[0]);
    yield* access.remove('awaited', (row) => ids.has(text(row, 'write_id')));
    return [];
  },
  *noteFailures({ access, values: [ids, reasons, ofLanes, limit] }) {
    const failures = new Map(
      unnest(['id', 'failure'], [ids, reasons]).map(({ id, failure }) => [id, failure]),
    );
    const lanes = numbers(ofLanes);
    const changes = (row: Values): boolean => {
      const failure = failures.get(row['awaited_id']) ?? null;
      if (!failures.has(row['awaited_id']) || !lanes.has(number(row, 'lane'))) return false;
      return row['failure'] !== failure && (row['failure'] === null || failure !== '');
    };
    const changed = new Set(
      access
        .select('awaited', changes)
        .slice(0, limit as number)
        .map(pairOf),
    );
    const noted = yield* access.update(
      'awaited',
      (row) => changed.has(pairOf(row)),
      (row) => ({ failure: failures.get(row['awaited_id']) ?? null }),
    );
    return noted.map(({ awaited_id }) => ({ awaited_id }));
  },
  *wakeAwaiting({ access, values: [metIds, goneIds, ofLanes, limit] }) {
    const met = strings(metIds);
    const gone = strings(goneIds);
    const lanes = numbers(ofLanes);
    const before = access.select('awaited');
    const writes = new Map(access.select('intake').map((row) => [row['write_id'], row]));
    const isOwn = (row: Values): boolean => lanes.has(number(row, 'lane'));
    const metRows = before
      .filter((row) => met.has(text(row, 'awaited_id')) && isOwn(row))
      .slice(0, limit as number);
    const hopeless = before
      .filter((row) => {
        const write = writes.get(row['write_id']);
        if (!gone.has(text(row, 'awaited_id')) || !isOwn(row) || write === undefined) return false;
        return (
          isBlocked(write) && (write['reference_deadline'] === null || isDue(write['reference_deadline']))
        );
      })
      .slice(0, limit as number);
    const metPairs = new Set(metRows.map(pairOf));
    yield* access.remove('awaited', (row) => metPairs.has(pairOf(row)));
    const awaitsMore = (id: unknown): boolean =>
      before.some((row) => row['write_id'] === id && !met.has(text(row, 'awaited_id')));
    const free = new Set([
      ...metRows.map((row) => row['write_id']).filter((id) => !awaitsMore(id)),
      ...hopeless.map((row) => row['write_id']),
    ]);
    const woken = yield* access.update(
      'intake',
      (row) => free.has(row['write_id']) && isBlocked(row),
      () => ({ blocked_at: null }),
    );
    const elsewhere = before
      .filter((row) => !isOwn(row) && (met.has(text(row, 'awaited_id')) || gone.has(text(row, 'awaited_id'))))
      .map((row) => row['awaited_id']);
    const has_more = Math.max(metRows.length, hopeless.length) === limit;
    const positions = woken.map((row) => number(row, 'position'));
    const woken_from = positions.length === 0 ? null : Math.min(...positions);
    return [{ woken: woken.length, woken_from, has_more, elsewhere: [...new Set(elsewhere)] }];
  },
  lookAwaited: read(({ access, values }) =>
    texts(values[0])
      .map((id) => {
        const is_gone = !access.exists('intake', (row) => provides(row, id) || row['write_id'] === id);
        return {
          awaited_id: id,
          is_met: access.exists('alias', (row) => row['referential_id'] === id),
          is_gone,
          is_settled_write: is_gone && access.exists('outcome', (row) => row['write_id'] === id),
        };
      })
      .filter(({ is_met, is_gone }) => is_met || is_gone),
  ),
  nextAwaited: read(({ access, values: [lanes, awaitedId, writeId, limit] }) => {
    const own = numbers(lanes);
    const isAfter = (row: Values): boolean =>
      text(row, 'awaited_id') > (awaitedId as string) ||
      (row['awaited_id'] === awaitedId && text(row, 'write_id') > (writeId as string));
    return access
      .select('awaited', (row) => own.has(number(row, 'lane')) && isAfter(row))
      .sort((one, other) => by('awaited_id')(one, other) || by('write_id')(one, other))
      .slice(0, limit as number);
  }),
  *expireReferenceDeadlines({ access, values }) {
    const lanes = numbers(values[0]);
    const rows = yield* access.update(
      'intake',
      (row) => isBlocked(row) && isDue(row['reference_deadline']) && lanes.has(number(row, 'lane')),
      () => ({ blocked_at: null, reference_deadline: null }),
    );
    return rows.map(({ position }) => ({ position }));
  },
  readFailures: read(({ access, values }) => {
    const ids = strings(values[0]);
    return access.select('awaited', (row) => ids.has(text(row, 'write_id')) && row['failure'] !== null);
  }),
  findAwaitedWrites: read(({ access, values }) => {
    const ids = strings(values[0]);
    const awaited = new Set(access.select('awaited').map((row) => row['awaited_id']));
    return access
      .select(
        'intake',
        (row) =>
          ids.has(text(row, 'write_id')) &&
          isBlocked(row) &&
          ['referential_id', 'superclass_id', 'write_id'].some((column) => awaited.has(row[column])),
      )
      .map(({ write_id }) => ({ write_id }));
  }),
  readEdges: read(({ access, values }) => {
    const ids = strings(values[0]);
    return access
      .select('awaited', (row) => ids.has(text(row, 'write_id')))
      .map((row) => {
        const id = row['awaited_id'];
        const [provider] = access
          .select('intake', (each) => provides(each, id) || each['write_id'] === id)
          .sort(byPosition);
        return {
          write_id: row['write_id'],
          awaited_id: id,
          lane: row['lane'],
          is_met: access.exists('alias', (alias) => alias['referential_id'] === id),
          provider_id: provider?.['write_id'] ?? null,
          is_blocked: provider === undefined ? null : isBlocked(provider),
        };
      });
  }),
  countBlocked: read(({ access, values }) => [
    { blocked: access.select('intake', (row) => row['client'] === values[0] && isBlocked(row)).length },
  ]),

  // A node's reads
  readOutcomes: read(({ access, values }) => {
    const ids = strings(values[0]);
    return access
      .select('outcome', (row) => ids.has(text(row, 'write_id')))
      .map((row) => ({ write_id: row['write_id'], ...answerRow(row) }));
  }),
  findKeys: read(({ access, values }) =>
    unnest(['client', 'key'], values).flatMap(({ client, key }, index) => {
      const settled = keyRows(access, client, key).map((row) => ({ ...row, lane: null }));
      const pending = access
        .select('intake', (row) => row['client'] === client && row['idempotency_key'] === key)
        .sort(byPosition)
        .map((row) => ({
          ...answerRow(undefined),
          write_id: row['write_id'],
          fingerprint: [
            row['operation'],
            row['resource'],
            row['operation'] === 'upsert' ? '' : row['document_id'],
            row['content_hash'],
          ].join(' '),
          lane: row['lane'],
          resource: row['resource'],
        }));
      return [...settled, ...pending].slice(0, 1).map((row) => ({ place: index + 1, ...row }));
    }),
  ),
  readDocument: read(({ access, values: [id, resource] }) =>
    access
      .select('document', (row) => row['document_id'] === id && row['resource'] === resource)
      .map((row) => ({ ...row, created_at: now(), modified_at: now() })),
  ),
};

function keyRows(access: Access, client: unknown, key: unknown): Values[] {
  return access
    .select('idempotency_key', (row) => row['client'] === client && row['key'] === key)
    .flatMap((row) =>
      access
        .select('outcome', ({ write_id }) => write_id === row['write_id'])
        .map((outcome) => ({
          fingerprint: row['fingerprint'],
          write_id: row['write_id'],
          ...answerRow(outcome),
        })),
    );
}
