/** Inserts and upserts as statements, and the search for the unique rule that a row violates. */
import { quotedName } from '#store';
import { areEqual, hasConstantDefault, listOf, literal } from './names.ts';
import { besideWritten } from './beside-written.ts';
import type { Parts } from './statement-parts.ts';

export function insertText(parts: Parts): string {
  const { catalog, form, matched, matchedNames } = parts;
  const isMerge = form.operation === 'upsert' && !form.ignoresExisting;
  const columns = [...parts.read, ...parts.filled].map(({ name }) => name);
  const hasAlways = parts.filled.some(({ identity }) => identity === 'always');
  const target = `(${listOf(columns)})${hasAlways ? ' overriding system value' : ''}`;
  const order = [...parts.given(matchedNames), 'g.place'].join(', ');
  const isFree = arrayCondition(parts);
  const select = `select ${parts.given(columns).join(', ')} from given g
    where ${turnText(parts)} and ${parts.hasParents}${isFree === '' ? '' : ` and ${isFree}`} order by ${order}`;
  const isMatched = !parts.isSingle || matched.length === (form.onConflict ?? catalog.key).length;
  const keys = isMatched
    ? matched.map(({ name }) => `t.${quotedName(name)} as k_${parts.at(name)}, `).join('')
    : '';
  const written = `written as (
    insert into ${parts.table} as t ${target} ${select}
    ${conflictClause(parts)}
    returning ${keys}${isMerge && !catalog.isPartitioned ? '(t.xmax = 0)' : 'true'} as is_new, ${parts.returning()}
  )`;
  const unwritten = form.operation === 'upsert' ? 'unchanged' : 'exists';
  const created = isMerge
    ? `case when w.is_new and w.may_be_new then 'created' else 'updated' end`
    : `'created'`;
  const same = matched.map(({ name }) => [`g.${parts.at(name)}`, `w.k_${parts.at(name)}`] as const);
  // Several rows of an array may have nulls in these columns.
  const hasNulls = form.isArray && isMerge && matched.some(({ isNullable }) => isNullable);
  const turn = `row_number() over (partition by ${same.map(([, value]) => value).join(', ')})`;
  const rows = besideWritten({
    same: !isMatched
      ? [[`row_number() over (order by ${order})`, 'row_number() over ()']]
      : hasNulls
        ? [...same, ['g.turn', turn]]
        : same,
    given: { known: knownText(parts, unwritten), may_be_new: mayBeNewText(parts), missing: parts.missing },
    written: { is_new: 'w.is_new', key: parts.isKeyReturned ? 'w.key' : 'null::jsonb', row: 'w.row' },
    state: `coalesce(w.known, case when w.is_new is null then ${literal(unwritten)} else ${created} end)`,
    condition:
      parts.plainState === null
        ? null
        : '(select count(*) filter (where w.is_new) from written w) < cardinality($1)',
  });
  // The statement does not see what it has written itself.
  const existed = `exists (select from ${parts.table} t where ${areEqual(
    parts.inTable(matchedNames),
    same.map(([, value]) => value),
  )} offset 0)`;
  const isNew =
    isMerge && isMatched && catalog.isPartitioned
      ? `bool_or(not (cardinality($1) = 1 and ${existed}))`
      : 'bool_or(w.is_new)';
  const total = parts.mayChangeKey
    ? totalText(
        parts,
        isNew,
        `select g.place from given g where ${turnText(parts)} and ${parts.hasParents} order by ${order}`,
      )
    : '';
  return `with ${parts.givenText}, ${written}, ${rows} ${total}`;
}

/**
 * The number of written rows, because a row with another key is not found by that of its body. Of a write that is alone and has such
 * rows also the rows, the key of the first, and the places of its bodies in the order in which the rows were written.
 * @param isNew Whether one of them is new, of a write that is alone.
 */
function totalText({ form }: Parts, isNew: string, placesText: string): string {
  // Such an array has no answer beside its state.
  if (form.isArray && !form.isReturning)
    return `union all select 0, 'total', jsonb_build_array(count(*), ${isNew}, null), null, null from written w`;
  const isChanged = `cardinality($1) = 1 and (select count(*) from written) >
    (select count(*) from told w where w.place is not null and w.is_new is not null and w.known is null)`;
  return `union all select 0, 'total',
    jsonb_build_array(count(*), ${isNew}, case when ${isChanged} then array(${placesText}) end),
    (array_agg(w.key) filter (where ${isChanged}))[1],
    '[' || string_agg(w.row, ',') filter (where ${isChanged}) || ']' from written w`;
}

/**
 * The rows to write. Of folded rows that is the last one, and each that has a null where the column takes none: PostgreSQL
 * then refuses the statement, and the write alone.
 */
function turnText(parts: Parts): string {
  const { form, isFolding, read, catalog } = parts;
  if (form.isArray) return 'true';
  if (!isFolding) return 'g.turn = 1';
  const needed = read.filter(({ name, isNullable }) => !isNullable && !catalog.key.includes(name));
  return `(${['g.turn = 1', ...needed.map(({ name }) => `g.${parts.at(name)} is null`)].join(' or ')})`;
}

/** The state of a row that is not written, if it is known beforehand; else null. */
function knownText(parts: Parts, unwritten: string): string {
  const { form, isFolding, hasParents } = parts;
  const later = isFolding || form.isArray ? '' : `when g.turn > 1 then 'later'`;
  // PostgreSQL checks unique rules first, and foreign keys at the end of the statement.
  const isMerge = form.operation === 'upsert' && !form.ignoresExisting;
  const conflicts = isMerge ? [] : form.isArray ? keptConditions(parts, 'g') : conditionsOf(parts, 'g');
  const orphan =
    conflicts.length === 0
      ? `'parent'`
      : `case when ${conflicts.join(' or ')} then ${literal(unwritten)} else 'parent' end`;
  // Of two equal rows of an array, the second meets the first. An upsert cannot change a row twice.
  const repeated = isMerge ? 'repeated' : unwritten;
  const again = form.isArray ? `when ${isRepeated(parts, 'g')} then '${repeated}'` : '';
  return `case ${later} when not (${hasParents}) then ${orphan} ${again} end`;
}

/** When a row of an array is left out because of an existing one, whatever its parents: only where the form says so. */
function keptConditions(parts: Parts, alias: string): string[] {
  return parts.form.ignoresExisting ? [...conditionsOf(parts, alias), isRepeated(parts, alias)] : [];
}

function conditionsOf(parts: Parts, alias: string): string[] {
  return conflictsOf(parts, alias).map(({ condition }) => condition);
}

/** Of folded rows, the first is created. A row of a partitioned table does not show whether it existed before. */
function mayBeNewText({ catalog, isFolding }: Parts): string {
  return `${catalog.isPartitioned ? 'not g.existed' : 'true'}${isFolding ? ' and g.is_first' : ''}`;
}

/** Writes all rows of an array, or none: none if a key is taken or a parent is missing. */
function arrayCondition(parts: Parts): string {
  const { form, catalog, parents, purpose } = parts;
  if (!form.isArray) return '';
  const kept = keptConditions(parts, 'a');
  const isNew = kept.length === 0 ? '' : ` and not (${kept.join(' or ')})`;
  const faults = parents.map((_, index) => `a.m${index} is not null${isNew}`);
  if (form.operation === 'upsert' && !form.ignoresExisting) faults.push(isRepeated(parts, 'a'));
  const keys = catalog.key.filter((name) => form.columns.includes(name));
  if (form.operation === 'insert' && purpose !== 'strict' && keys.length === catalog.key.length)
    faults.push(
      `exists (select from ${parts.table} t where ${areEqual(
        parts.inTable(keys),
        keys.map((name) => `a.${parts.at(name)}`),
      )} offset 0)`,
    );
  return faults.length === 0 ? '' : `not exists (select from given a where ${faults.join(' or ')})`;
}

/**
 * Whether an earlier row of an array has the same values in all columns of the constraint. Nulls are not equal: PostgreSQL itself refuses the
 * second row where a constraint says that they are.
 */
function isRepeated(parts: Parts, alias: string): string {
  const { form, catalog, matched } = parts;
  if (matched.length < (form.onConflict ?? catalog.key).length) return 'false';
  const values = matched.map(({ name }) => `${alias}.${parts.at(name)}`);
  return [`${alias}.turn > 1`, ...values.map((value) => `${value} is not null`)].join(' and ');
}

function conflictClause({ catalog, form, matched, purpose }: Parts): string {
  if (purpose === 'strict') return '';
  const columns = form.onConflict ?? catalog.key;
  const arbiter = `(${listOf(columns)})`;
  if (form.operation === 'insert') {
    // Without columns, all unique rules count; deferrable ones are not allowed here.
    return `on conflict ${catalog.uniques.some((rule) => rule.isDeferrable) ? arbiter : ''} do nothing`;
  }
  if (form.ignoresExisting) return `on conflict ${arbiter} do nothing`;
  const changed = form.columns.filter((name) => !columns.includes(name));
  const set = changed.length > 0 ? changed : matched.map(({ name }) => name).slice(0, 1);
  const pairs = set.map((name) => `${quotedName(name)} = excluded.${quotedName(name)}`);
  // The body names no column at all, so an existing row keeps its values, and counts as updated.
  const kept = catalog.columns.find((column) => !column.isGenerated && column.identity !== 'always');
  if (pairs.length === 0 && kept === undefined) return `on conflict ${arbiter} do nothing`;
  if (pairs.length === 0) pairs.push(`${quotedName(kept!.name)} = t.${quotedName(kept!.name)}`);
  return `on conflict ${arbiter} do update set ${pairs.join(', ')}`;
}

/** The first unique rule that another row violates by columns of the body; null if these columns cannot tell. */
export function conflictText(parts: Parts): string {
  const cases = conflictsOf(parts).map(({ name, condition }) => `when ${condition} then ${literal(name)}`);
  const name = cases.length === 0 ? 'null::text' : `case ${cases.join(' ')} end`;
  return `with ${parts.givenText} select g.place, ${name} as name from given g`;
}

/**
 * For each unique rule that columns of the body and fixed defaults decide: whether another row violates it. Of an upsert, the rule that
 * it merges by is left to the statement.
 */
function conflictsOf(parts: Parts, alias = 'g'): { name: string; condition: string }[] {
  const { catalog, form, table, matchedNames } = parts;
  // Another default may have another value in the next statement. The column may round a default when it is stored.
  const fixed = new Map(parts.filled.filter(hasConstantDefault).map(({ name, type }) => [name, `::${type}`]));
  const isKnown = (column: string): boolean => fixed.has(column) || form.columns.includes(column);
  return catalog.uniques.flatMap(({ name, columns, isPartial }) => {
    if (isPartial || columns === null || !columns.every(isKnown)) return [];
    const isMatched =
      columns.length === matchedNames.length && columns.every((column) => matchedNames.includes(column));
    if (form.operation === 'upsert' && !isMatched) return [];
    const same = areEqual(
      parts.inTable(columns),
      columns.map((column) => `${alias}.${parts.at(column)}${fixed.get(column) ?? ''}`),
    );
    return [{ name, condition: `exists (select from ${table} t where ${same} offset 0)` }];
  });
}
