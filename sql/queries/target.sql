-- name: saveTargets
-- Stores the agreed targets for sluice.submit. $3: the key of each, as a JSON array.
with given as (
  select name, kind, array(select jsonb_array_elements_text(key)) as key
  from unnest($1::text[], $2::text[], $3::jsonb[]) as g (name, kind, key)
),
gone as (
  delete from sluice.target where name <> all($1::text[])
)
insert into sluice.target as t (name, kind, key)
select name, kind, key from given order by name collate "C"
on conflict (name) do update set kind = excluded.kind, key = excluded.key
where (t.kind, t.key) is distinct from (excluded.kind, excluded.key);

-- name: listTargets
-- The targets that the writers have stored.
select name, kind, key from sluice.target order by name;

-- name: mayReadTables
-- Whether this role may read these tables, system columns included.
select bool_and(has_table_privilege(t.name, 'select')) as may from unnest($1::text[]) as t (name);

-- name: findWrongColumn
-- Which of the columns $2 of the types $3 cannot have its value, by the body $4, or by that of the write $1 in the intake.
select sluice.wrong_column($2::text[], $3::text[], coalesce($4::jsonb, (select body from sluice.intake where write_id = $1::uuid)))
  as name;

-- name: changeTargets
-- Replaces the agreed targets; empty: no targets.
with gone as (
  delete from sluice.setting where name = 'targets' and $1::text = ''
),
noted as (
  insert into sluice.audit (action, actor, target) values ('agree on targets', $2, 'targets')
)
insert into sluice.setting (name, value) select 'targets', $1 where $1 <> ''
on conflict (name) do update set value = excluded.value, set_at = excluded.set_at;

-- name: readTargetRights
-- Whether the role $1 exists, and which rights it lacks of those that writers need on the tables $2 and the functions
-- $3, each with its target. Rights on all columns of a table count like one on the table.
with role as (
  select oid from pg_roles where rolname = $1::text
),
tables as (
  select t.name, c.oid, n.oid as schema_id, n.nspname, format('%I.%I', n.nspname, c.relname) as label
  from unnest($2::text[]) as t (name)
  join pg_namespace n on starts_with(t.name, n.nspname || '.')
  join pg_class c on c.relnamespace = n.oid and c.relname = substr(t.name, length(n.nspname) + 2)
),
functions as (
  select f.name, p.oid, n.oid as schema_id, n.nspname
  from unnest($3::text[]) as f (name)
  join pg_namespace n on n.nspname = split_part(f.name, '.', 1)
  join pg_proc p on p.pronamespace = n.oid and p.proname = substr(f.name, length(n.nspname) + 2)
                and p.pronargs = 1 and p.proargtypes[0] = 'jsonb'::regtype
),
sequences as (
  select t.name, d.objid as oid
  from tables t join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid
  where d.classid = 'pg_class'::regclass and d.deptype = 'i'
  union
  select t.name, d.refobjid
  from tables t join pg_attrdef x on x.adrelid = t.oid
  join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = x.oid and d.refclassid = 'pg_class'::regclass
),
missing as (
  select s.name, 1 as place, format('usage on schema %I', s.nspname) as lacks
  from (select name, schema_id, nspname from tables union select name, schema_id, nspname from functions) s, role r
  where not has_schema_privilege(r.oid, s.schema_id, 'usage')
  union all
  select t.name, p.place::integer + 1, p.privilege || ' on ' || t.label
  from tables t, role r, unnest(array['select', 'insert', 'update', 'delete']) with ordinality as p (privilege, place)
  where not has_table_privilege(r.oid, t.oid, p.privilege)
    and (p.privilege = 'delete'
         or exists (select from pg_attribute a where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
                      and not has_column_privilege(r.oid, t.oid, a.attnum, p.privilege)))
  union all
  select s.name, 6, format('usage on sequence %I.%I', n.nspname, c.relname)
  from sequences s join pg_class c on c.oid = s.oid join pg_namespace n on n.oid = c.relnamespace cross join role r
  -- A function among the things that a default needs is no sequence, and to ask for its rights would be an error.
  where case when c.relkind = 'S' then not has_sequence_privilege(r.oid, s.oid, 'usage, update') end
  union all
  select f.name, 7, format('execute on function %s', f.oid::regprocedure)
  from functions f, role r where not has_function_privilege(r.oid, f.oid, 'execute')
)
select exists (select from role) as role_exists,
       (select coalesce(jsonb_agg(jsonb_build_object('name', m.name, 'lacks', m.lacks) order by m.name, m.place, m.lacks), '[]')
        from missing m) as missing;
