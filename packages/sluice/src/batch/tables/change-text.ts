/** Updates and deletes as statements, and the search for locked rows. */
import { besideWritten } from './beside-written.ts';
import { quotedName } from '#store';
import { areEqual, columnOf, tableName } from './names.ts';
import type { Parts } from './statement-parts.ts';

/**
 * Update and delete. The statement first locks the rows in the order of their keys; it reports rows that another
 * transaction has locked.
 */
export function changeText(parts: Parts): string {
  const { catalog, form, table } = parts;
  const { key } = catalog;
  const isDelete = form.operation === 'delete';
  const same = areEqual(parts.inTable(key), parts.given(key));
  const strength = isDelete ? 'update' : 'no key update';
  const locked = `locked as materialized (
    select g.place from ${table} t join given g on ${same}
    where g.turn = 1 and ${parts.hasParents} order by ${parts.inTable(key).join(', ')}
    for ${strength} of t${parts.mayWait ? '' : ' skip locked'}
  )`;
  const place = 'g.place = any(array(select place from locked))';
  const changed = form.columns.length > 0 ? form.columns : key.slice(0, 1);
  const set = changed.map((name) => `${quotedName(name)} = g.${parts.at(name)}`);
  const change = isDelete
    ? `delete from ${table} t using given g where ${place} and ${same}`
    : `update ${table} t set ${set.join(', ')} from given g where ${place} and ${same}`;
  const written = `written as (${change} returning g.place, ${parts.returning()})`;
  // A trigger may keep the row as it is.
  const known = `case when g.turn > 1 then 'later'
    when g.place = any(array(select place from locked)) then 'unchanged'
    when not exists (select from ${table} t where ${same} offset 0) then 'absent'
    when not (${parts.hasParents}) then 'parent' else 'locked' end`;
  const rows = besideWritten({
    same: [['g.place', 'w.place']],
    given: { known, missing: parts.missing },
    written: { is_changed: 'true', key: 'w.key', row: 'w.row' },
    state: `case when w.is_changed then '${isDelete ? 'deleted' : 'updated'}' else w.known end`,
    // A key may be in several rows, if other tables inherit from this one.
    condition:
      parts.plainState === null ? null : '(select count(distinct place) from written) < cardinality($1)',
  });
  return `with ${parts.givenText}, ${locked}, ${written}, ${rows}`;
}

/** Locks the existing rows, and reports those that another transaction has locked. */
export function lockText(parts: Parts): string {
  const { table, matched, matchedNames } = parts;
  const same = areEqual(parts.inTable(matchedNames), parts.inRecord(matchedNames, matched));
  return `with source as (${parts.sourceText}),
    free as materialized (
      select s.place from source s ${parts.recordText()} join ${table} t on ${same}
      order by ${parts.inTable(matchedNames).join(', ')} for no key update of t skip locked
    )
    select s.place from source s ${parts.recordText()}
    where s.place <> all(array(select place from free)) and exists (select from ${table} t where ${same} offset 0)`;
}

/**
 * The running transaction that has locked each row or one of its parents, as far as the rows tell: a row names the one that locked it
 * last. A parent counts only if the row itself names none, because many transactions share the lock of a parent.
 */
export function lockerText(parts: Parts): string {
  const { table, matched, matchedNames, parents, read } = parts;
  const isRead = (names: readonly string[]): boolean =>
    names.every((name) => read.some((column) => column.name === name));
  const look = (place: number, from: string, names: readonly string[], values: readonly string[]): string =>
    `select ${place} as place, o.xmax as locker from ${from} o
     where ${areEqual(parts.inTable(names, 'o'), values)}`;
  const rows = [
    ...(matchedNames.length === 0 || !isRead(matchedNames)
      ? []
      : [look(0, table, matchedNames, parts.inRecord(matchedNames, matched))]),
    ...parents.flatMap(({ foreignKey: { columns, referencedColumns }, catalog }, index) => {
      if (!isRead(columns)) return [];
      const referenced = referencedColumns.map((name) => columnOf(catalog, name));
      return [look(index + 1, tableName(catalog), referencedColumns, parts.inRecord(columns, referenced))];
    }),
  ];
  if (rows.length === 0) return `select 0 as place, null as locker from unnest($1::text[]) where false`;
  return `with source as (${parts.sourceText}),
    running as materialized (
      select k.transactionid from pg_catalog.pg_locks k
      where k.locktype = 'transactionid' and k.mode = 'ExclusiveLock' and k.granted and k.pid <> pg_backend_pid()
    )
    select s.place, x.locker::text as locker from source s ${parts.recordText()}
    cross join lateral (
      select l.locker from (${rows.join(' union all ')}) l
      where l.locker = any(array(select transactionid from running)) order by l.place limit 1
    ) x
    order by s.place`;
}
