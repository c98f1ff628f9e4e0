// Writes that wait for others.

import type { Values } from '../tables.ts';
import {
  by,
  byPosition,
  expectRows,
  isBlocked,
  isDue,
  now,
  number,
  numbers,
  provides,
  read,
  type Statement,
  strings,
  text,
  texts,
  unnest,
} from './rows.ts';

const pairOf = (row: Values): string => `${text(row, 'awaited_id')} ${text(row, 'write_id')}`;

export const blockedStatements = {
  *blockWrites({ access, values }) {
    const ids = strings(values[0]);
    const blocked = yield* access.update(
      'intake',
      (row) => ids.has(text(row, 'write_id')) && (isBlocked(row) || values[1] !== true),
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
    const others = before.filter(
      (row) => !isOwn(row) && (met.has(text(row, 'awaited_id')) || gone.has(text(row, 'awaited_id'))),
    );
    const elsewhere = [...new Set(others.map((row) => row['awaited_id']))];
    const elsewhere_lanes = [...new Set(others.map((row) => row['lane']))];
    const has_more = Math.max(metRows.length, hopeless.length) === limit;
    const positions = woken.map((row) => number(row, 'position'));
    const woken_from = positions.length === 0 ? null : Math.min(...positions);
    return [{ woken: woken.length, woken_from, has_more, elsewhere, elsewhere_lanes }];
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
      undefined,
      'skip',
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
} satisfies Record<string, Statement>;
