// The intake, and what its hints say.

import { clock } from '../clock.ts';
import type { Access, Values } from '../tables.ts';
import { ledLanes } from './lane.ts';
import {
  answerRow,
  byPosition,
  isBlocked,
  isDue,
  list,
  notify,
  now,
  number,
  read,
  removeCounted,
  type Statement,
  strings,
  text,
  texts,
  unnest,
} from './rows.ts';

/** A write as the drain reads it: a deadline that has passed is none. */
function headerRow(row: Values): Values {
  const { body: _, blocked_at: __, reference_deadline, ...header } = row;
  return {
    ...header,
    waited_seconds: null,
    traceparent: null,
    form: null,
    reference_deadline: isDue(reference_deadline) ? null : reference_deadline,
  };
}

/** Identities of these writes and of their references that exist, each followed by the id of its document. */
function knownOf(access: Access, rows: readonly Values[]): unknown[] {
  const named = new Set(
    rows.flatMap((row) => [row['referential_id'], row['superclass_id'], ...list(row['reference_ids'])]),
  );
  return access
    .select('alias', (row) => named.has(row['referential_id']))
    .flatMap((row) => [row['referential_id'], row['document_id']]);
}

/** Writes whose idempotency keys belong to other writes. */
function writesOfKnownKeys(access: Access, rows: readonly Values[]): Set<unknown> {
  const isKnown = ({ write_id: own, client, idempotency_key: key }: Values): boolean => {
    const isEarlier = (row: Values): boolean => row['client'] === client && row['write_id'] !== own;
    return (
      access.exists('idempotency_key', (row) => row['key'] === key && isEarlier(row)) ||
      access.exists('intake', (row) => row['idempotency_key'] === key && isEarlier(row))
    );
  };
  const keyed = rows.filter((row) => row['idempotency_key'] !== null);
  return new Set(keyed.filter(isKnown).map((row) => row['write_id']));
}

export const intakeStatements = {
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
  listen: read(({ session, values }) => {
    session.listen(values[0] as string);
    return [];
  }),
  echo: read((call) => {
    notify(call, call.values[0] as string);
    return [];
  }),
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
    const known = values[20] === true ? writesOfKnownKeys(access, unnest(columns, values)) : new Set();
    const rows = unnest(columns, values)
      .filter((row) => !isAgain || !access.exists('intake', (each) => each['write_id'] === row['write_id']))
      .filter((row) => !known.has(row['write_id']))
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
    for (const { channel, lanes } of unnest(['channel', 'lanes'], [values[15], values[18]]))
      notify(call, channel as string, lanes as string);
    return [...known].map((id) => ({ write_id: id }));
  },
  readReady: read(({ access, values }) => {
    const behind = new Map(
      unnest(['lane', 'low'], [values[0], values[2]]).map(({ lane, low }) => [lane, low]),
    );
    const ready = access
      .select(
        'intake',
        (row) =>
          behind.has(row['lane']) &&
          number(row, 'position') > (behind.get(row['lane']) as number) &&
          !isBlocked(row),
      )
      .sort(byPosition)
      .slice(0, values[1] as number);
    const known = values[4] === true ? knownOf(access, ready) : null;
    return ready.map((row, index) => ({ ...headerRow(row), known: index === 0 ? known : null }));
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
      .map((row) => ({ ...headerRow(row), is_blocked: isBlocked(row) }));
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
  findIdentity: read(({ access, values: [id, resource] }) => {
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
  // No body here is near what is read at once.
  readBodies: read(({ access, values }) =>
    [...strings(values[0])].map((id, index) => {
      const [row] = access.select('intake', (each) => each['write_id'] === id);
      return {
        place: index + 1,
        write_id: row?.['write_id'] ?? null,
        body: row?.['body'] ?? null,
        is_read: true,
      };
    }),
  ),
} satisfies Record<string, Statement>;
