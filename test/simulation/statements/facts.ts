// What a batch has to know.

import { guards } from '../guards.ts';
import type { Values } from '../tables.ts';
import {
  by,
  keyRows,
  list,
  lockedAmong,
  number,
  provides,
  read,
  type Statement,
  strings,
  text,
  texts,
  unnest,
} from './rows.ts';

/** Writes that stand before others in the order of a document. */
function readAhead(): Statement {
  return read(({ access, values }) => {
    const last = values[3] as number | null;
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
          (last === null || (row['was_blocked'] === true && number(row, 'position') < last)) &&
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

/** The first write of each of these documents, by its id: a change of identity has given them another lane. */
const readEarlierWrites: Statement = read(({ access, values }) => {
  const own = strings(values[1]);
  return texts(values[0]).flatMap((id) => {
    const [held] = access.select('document', ({ document_id }) => document_id === id);
    const [first] = access
      .select(
        'intake',
        (row) =>
          row['document_id'] === id &&
          row['operation'] !== 'upsert' &&
          number(row, 'position') < (values[2] as number) &&
          !own.has(text(row, 'write_id')),
      )
      .sort(by('position'));
    if (held === undefined || first === undefined) return [];
    const { write_id, position, document_id, referential_id, superclass_id } = first;
    return [
      {
        write_id,
        position,
        document_id,
        referential_id,
        superclass_id,
        held_referential_id: held['referential_id'],
        held_superclass_id: held['superclass_id'],
      },
    ];
  });
});

/** The columns of a document that a batch reads. */
const known = ({ row }: { row: Values }): Values => ({
  ...row,
  body: null,
  changed_lane: row['changed_lane'] ?? null,
});

/** The columns of a document whose row is locked. */
const nothingKnown = {
  resource: null,
  referential_id: null,
  superclass_id: null,
  version: null,
  content_hash: null,
  lane: null,
  changed_lane: null,
};

export const factsStatements = {
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
    return rows.map(known);
  },
  *lockFreeDocuments(call) {
    const ids = strings(call.values[0]);
    const isMeant = (row: Values): boolean => ids.has(text(row, 'document_id'));
    const free = yield* call.access.lockAll('document', isMeant, 'noKeyUpdate', by('document_id'), 'skip');
    const found = new Set(free.map(({ row }) => row['document_id']));
    const locked = call.access.select('document', (row) => isMeant(row) && !found.has(row['document_id']));
    return [
      ...free.map((each) => ({ ...known(each), is_locked: false })),
      ...locked.map(({ document_id }) => ({ ...nothingKnown, document_id, is_locked: true })),
    ];
  },
  *lockReferred(call) {
    const ids = strings(call.values[0]);
    const isMeant = (row: Values): boolean => ids.has(text(row, 'referential_id'));
    const locked = yield* lockedAmong(call, 'alias', isMeant, 'keyShare', ['referential_id']);
    return locked.map(({ referential_id }) => ({ referential_id }));
  },
  *lockTaken(call) {
    const ids = strings(call.values[0]);
    const isMeant = (row: Values): boolean => ids.has(text(row, 'write_id'));
    const locked = yield* lockedAmong(call, 'intake', isMeant, 'update', ['write_id']);
    return locked.map(({ write_id }) => ({ write_id }));
  },
  *lockParts(call) {
    const [losing, doomed] = [strings(call.values[0]), strings(call.values[1])];
    const loses = (row: Values): boolean => losing.has(text(row, 'document_id'));
    const isDoomed = (row: Values): boolean => doomed.has(text(row, 'document_id'));
    const locked = [
      ...(yield* lockedAmong(call, 'reference', loses, 'update', ['referential_id', 'document_id'])),
      ...(yield* lockedAmong(call, 'alias', isDoomed, 'update', ['referential_id'])),
      ...(yield* lockedAmong(call, 'document', isDoomed, 'update', ['document_id'])),
    ];
    return [...new Set(locked.map((row) => text(row, 'document_id')))]
      .sort()
      .map((document_id) => ({ document_id }));
  },
  limitLockWait: read(({ session, values }) => {
    session.limitLockWait(values[0] as string);
    return [{}];
  }),
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
  readAhead: readAhead(),
  readEarlierWrites,
} satisfies Record<string, Statement>;
