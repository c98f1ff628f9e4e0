-- name: proposeSettings
-- The first process of a deployment decides; later ones compare. A process that will be refused decides nothing.
insert into sluice.setting (name, value)
select p.name, p.value from unnest($1::text[], $2::text[]) as p (name, value)
where not exists (
  select from sluice.setting s join unnest($1::text[], $2::text[]) as o (name, value) using (name)
  where s.value <> o.value
)
on conflict (name) do nothing;

-- name: readSettings
-- The agreement of this deployment.
select name, value from sluice.setting
union all
select 'schema_version', max(version)::text from sluice.migration
union all
select 'lane_rows', count(*)::text from sluice.lane;

-- name: readSchemaVersion
-- Of the last migration.
select max(version) as version from sluice.migration;

-- name: createLanes
-- Inserts a row for every lane.
insert into sluice.lane (lane) select n from generate_series(0, $1::integer - 1) as n on conflict (lane) do nothing;

-- name: readPlace
-- The database of the session: the same for two sessions only if they are in one database of one server.
select extract(epoch from pg_postmaster_start_time()) || ' ' || oid as place
from pg_database where datname = current_database();

-- name: readAbility
-- The duties ($1) that this session cannot do, because the server takes no writes or its role lacks rights. Duties:
-- `submit` writes to the intake, `settle` them in a node, `at_once` under the locks of their lanes, `lead` lanes, by a
-- `lock`. The version of the schema reports a missing schema, table or function.
with needed (duties, privilege, names) as (
  values
    ('{submit,settle,lead}'::text[], 'select', array['alias', 'document', 'idempotency_key', 'intake', 'lane', 'migration',
                                                     'outcome', 'process_clock', 'setting', 'awaited']),
    ('{submit,settle,lead}', 'insert', array['lane', 'setting']),
    ('{submit,settle,lead}', 'insert', array['process_clock']),
    ('{submit,settle,lead}', 'update', array['process_clock']),
    ('{submit,settle}', 'select', array['intake_position_seq']),
    ('{submit}', 'insert', array['intake']),
    ('{settle,lead}', 'select', array['reference']),
    ('{settle,lead}', 'insert', array['alias', 'document', 'idempotency_key', 'outcome', 'reference']),
    ('{settle,lead}', 'update', array['alias', 'document', 'reference']),
    ('{settle,lead}', 'delete', array['alias', 'document', 'intake', 'reference']),
    ('{at_once,lead}', 'update', array['lane']),
    ('{lead}', 'select', array['lane_retry', 'lane_session', 'lease_session', 'target', 'writer']),
    ('{lead}', 'insert', array['awaited', 'dead_letter', 'lane_retry', 'lease_session', 'target', 'writer']),
    ('{lead}', 'update', array['awaited', 'intake', 'lane_retry', 'lease_session', 'target', 'writer']),
    ('{lead}', 'delete', array['awaited', 'idempotency_key', 'lane_retry', 'lease_session', 'outcome', 'process_clock', 'target', 'writer']),
    ('{submit,settle}', 'execute', array['cancel_writes']),
    ('{submit}', 'execute', array['led_lanes']),
    ('{settle,lead}', 'execute', array['agree_projections', 'edit_body', 'expect_projections', 'expect_rows']),
    ('{lead}', 'execute', array['await_session_end']),
    ('{lock}', 'execute', array['pg_try_advisory_lock', 'pg_advisory_unlock'])
),
part as (
  select n.privilege, u.name from needed n cross join unnest(n.names) as u (name) where n.duties && $1::text[]
),
missing as (
  select 'usage' as privilege, 'schema sluice' as name
  from pg_namespace where nspname = 'sluice' and not has_schema_privilege(oid, 'usage')
  union all
  select p.privilege, 'sluice.' || p.name
  from part p join pg_class c on c.relname = p.name and c.relnamespace = to_regnamespace('sluice')
  -- Some rights are given for some columns only.
  where p.privilege <> 'execute' and not has_table_privilege(c.oid, p.privilege)
    and (p.privilege = 'delete' or not has_any_column_privilege(c.oid, p.privilege))
  union all
  select p.privilege, f.pronamespace::regnamespace || '.' || p.name
  from part p
  join pg_proc f on f.proname = p.name and f.pronamespace in (to_regnamespace('sluice'), 'pg_catalog'::regnamespace)
                and (f.pronamespace <> 'pg_catalog'::regnamespace or f.pronargs = 2)
  where p.privilege = 'execute' and not has_function_privilege(f.oid, 'execute')
)
select current_setting('transaction_read_only') = 'on' as is_read_only, current_user::text as role,
       array(select privilege || ' on ' || name from missing order by name, privilege) as missing;

-- name: agreeProjections
-- Agrees on the projections $1 or, by $2, changes the agreement; returns the resulting one.
select sluice.agree_projections($1::jsonb, $2::boolean) as agreed;
