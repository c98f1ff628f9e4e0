-- name: readTables
-- The tables $1 in the catalog, each named by schema, dot and name: kind, columns, unique rules, foreign keys,
-- triggers. Every role may read it. Types and expressions are named as statements of this session need them.
with named as (
  select t.place, c.oid, n.nspname as schema, c.relname as name, c.relkind, c.relpersistence, c.relispartition,
         c.relrowsecurity
  from unnest($1::text[]) with ordinality as t (name, place)
  -- A schema's name may have a dot, too.
  join pg_namespace n on starts_with(t.name, n.nspname || '.')
  join pg_class c on c.relnamespace = n.oid and c.relname = substr(t.name, length(n.nspname) + 2)
)
select t.place::integer, t.schema, t.name as table, t.relkind::text as kind, t.relpersistence::text as persistence,
       case when t.schema = 'sluice' then 'Sluice'
            when starts_with(t.schema, 'pg_') or t.schema = 'information_schema' then 'PostgreSQL' end as owned_by,
       t.relispartition as is_partition, t.relrowsecurity as has_row_security,
       exists (select from pg_rewrite r where r.ev_class = t.oid) as has_rules,
       triggers.has_before_insert,
       t.relkind = 'r' and not t.relrowsecurity and jsonb_array_length(triggers.list) = 0
         and not exists (select from pg_constraint k where k.conrelid = t.oid and k.contype in ('c', 'x'))
         and not exists (select from pg_attribute a join pg_type y on y.oid = a.atttypid
                         where a.attrelid = t.oid and a.attnum > 0 and (y.typtype = 'd' or a.attgenerated <> ''))
         and not exists (select from pg_index i where i.indrelid = t.oid and (i.indexprs is not null or i.indpred is not null))
         as is_plain,
       t.oid::bigint as oid, sluice.table_version(t.oid) as version,
       columns.list as columns, uniques.list as uniques, keys.list as foreign_keys, triggers.list as triggers
from named t
cross join lateral (
  select coalesce(jsonb_agg(jsonb_build_object(
           'name', a.attname,
           'type', format_type(a.atttypid, a.atttypmod),
           'baseType', b.typname,
           -- A cast to a type with a precision rounds, as PostgreSQL does when it stores a value. One with a length cuts, which
           -- PostgreSQL refuses to do. With -1, and not null, char and bit have no length either.
           'bareType', format_type(b.oid, case
             when ltrim(b.typname, '_') in ('numeric', 'timestamp', 'timestamptz', 'time', 'timetz', 'interval')
             then b.modifier else -1 end),
           'category', b.typcategory,
           'maxLength', case when b.typname in ('varchar', 'bpchar') and b.modifier > 4 then b.modifier - 4 end,
           'isNullable', not a.attnotnull,
           'default', case when a.attgenerated = '' then
             coalesce(pg_get_expr(d.adbin, d.adrelid), pg_get_expr(own.typdefaultbin, 0)) end,
           'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
           'isGenerated', a.attgenerated <> '',
           -- An index refuses rows that are longer than a third of a page. A character has at most four bytes.
           'mayBeTooLong', a.attlen = -1 and exists (
             select from pg_index i where i.indrelid = t.oid and a.attnum = any(i.indkey::smallint[])
               and (a.atttypmod = -1
                    or b.typname in ('varchar', 'bpchar') and 4 * (b.modifier - 4) * i.indnatts > 2600)),
           'collation', (
             select jsonb_build_object('name', quote_ident(s.nspname) || '.' || quote_ident(o.collname),
                                       'isDeterministic', o.collisdeterministic)
             from pg_collation o join pg_namespace s on s.oid = o.collnamespace
             -- That of the database has the provider d.
             where o.oid = a.attcollation and o.collprovider <> 'd'),
           'labels', (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = b.oid)
         ) order by a.attnum), '[]') as list
  from pg_attribute a
  join pg_type own on own.oid = a.atttypid
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  -- The type below domains, and the modifier that the innermost of them gives it.
  cross join lateral (
    with recursive base as (
      select y.oid, y.typname, y.typcategory, y.typtype, y.typbasetype, y.typtypmod, a.atttypmod as modifier
      from pg_type y where y.oid = a.atttypid
      union all
      select y.oid, y.typname, y.typcategory, y.typtype, y.typbasetype, y.typtypmod,
             case when base.typtypmod <> -1 then base.typtypmod else base.modifier end
      from base join pg_type y on y.oid = base.typbasetype
      where base.typtype = 'd'
    )
    select oid, typname, typcategory, modifier from base where typtype <> 'd'
  ) b
  where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
) columns
cross join lateral (
  select coalesce(jsonb_agg(jsonb_build_object(
           'name', c.relname,
           'columns', case when not 0 = any(x.keys) then names.list end,
           'isPartial', x.indpred is not null or x.indisexclusion,
           'isDeferrable', not x.indimmediate,
           'isPrimary', x.indisprimary
         ) order by c.relname), '[]') as list
  from (
    select i.*, (i.indkey::smallint[])[0:i.indnkeyatts - 1] as keys from pg_index i
    where i.indrelid = t.oid and (i.indisunique or i.indisexclusion) and i.indisready
  ) x
  join pg_class c on c.oid = x.indexrelid
  cross join lateral (
    select jsonb_agg(a.attname order by k.place) as list
    from unnest(x.keys) with ordinality as k (number, place)
    join pg_attribute a on a.attrelid = t.oid and a.attnum = k.number
  ) names
) uniques
cross join lateral (
  select coalesce(jsonb_agg(jsonb_build_object(
           'name', k.conname,
           'table', n.nspname || '.' || c.relname,
           'columns', names.columns,
           'referencedColumns', names.referred,
           'isDeferred', k.condeferred,
           -- Since PostgreSQL 18.
           'hasPeriod', coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false),
           'match', k.confmatchtype
         ) order by k.conname), '[]') as list
  from pg_constraint k
  join pg_class c on c.oid = k.confrelid
  join pg_namespace n on n.oid = c.relnamespace
  cross join lateral (
    select jsonb_agg(a.attname order by p.place) as columns, jsonb_agg(f.attname order by p.place) as referred
    from unnest(k.conkey, k.confkey) with ordinality as p (own, other, place)
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.own
    join pg_attribute f on f.attrelid = k.confrelid and f.attnum = p.other
  ) names
  where k.conrelid = t.oid and k.contype = 'f' and k.conparentid = 0
    -- Since PostgreSQL 18 a constraint may be declared as not enforced.
    and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
) keys
cross join lateral (
  select coalesce(jsonb_agg(g.tgname order by g.tgname) filter (where g.tgrelid = t.oid), '[]') as list,
         -- Bits of tgtype: for each row (1), before (2), insert (4). A partition may have triggers of its own.
         coalesce(bool_or(g.tgtype & 7 = 7), false) as has_before_insert
  from pg_trigger g
  where g.tgrelid in (
      -- The function pg_partition_tree would wait for locks of each partition.
      with recursive part as (
        select t.oid
        union all
        select i.inhrelid from part join pg_inherits i on i.inhparent = part.oid where t.relkind = 'p'
      )
      select oid from part
    )
    and not g.tgisinternal and g.tgenabled <> 'D'
) triggers;

-- name: readFunctions
-- Functions of one jsonb among those named $1, each by schema, dot and name; the first dot ends the schema.
select f.place::integer, p.prokind::text as kind, p.proretset as returns_set, p.prorettype = 'void'::regtype as returns_void,
       -- PostgreSQL then refuses a call with one argument.
       exists (select from pg_proc o
               where o.pronamespace = p.pronamespace and o.proname = p.proname and o.oid <> p.oid and o.pronargs > 1
                 and o.pronargs - o.pronargdefaults <= 1 and o.proargtypes[0] = 'jsonb'::regtype) as is_ambiguous
from unnest($1::text[]) with ordinality as f (name, place)
join pg_namespace n on n.nspname = split_part(f.name, '.', 1)
join pg_proc p on p.pronamespace = n.oid and p.proname = substr(f.name, length(n.nspname) + 2)
              and p.pronargs = 1 and p.proargtypes[0] = 'jsonb'::regtype;
