-- name: readLoss
-- What an uninstall would lose. Clients may still expect answers to waiting writes and dead letters.
select (select count(*) from sluice.intake) as waiting,
       (select count(*) from sluice.dead_letter) as dead_letters,
       (select count(*) from sluice.document) as documents,
       (select count(*) from sluice.outcome) as outcomes,
       (select count(*) from sluice.api_key) as api_keys,
       (select count(*) from sluice.audit) as audit_rows;

-- name: listDependents
-- Objects of other schemas that would be dropped, too, or lose a part: constraints, triggers, views, functions,
-- columns.
select distinct pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) as name
from pg_catalog.pg_depend d
join lateral (
  select c.relnamespace as namespace from pg_catalog.pg_class c where d.refclassid = 'pg_catalog.pg_class'::regclass and c.oid = d.refobjid
  union all
  select p.pronamespace from pg_catalog.pg_proc p where d.refclassid = 'pg_catalog.pg_proc'::regclass and p.oid = d.refobjid
  union all
  select t.typnamespace from pg_catalog.pg_type t where d.refclassid = 'pg_catalog.pg_type'::regclass and t.oid = d.refobjid
) target on target.namespace = to_regnamespace('sluice')
where d.deptype in ('n', 'a')
  and coalesce(
    case d.classid
      when 'pg_catalog.pg_class'::regclass then (select relnamespace from pg_catalog.pg_class where oid = d.objid)
      when 'pg_catalog.pg_proc'::regclass then (select pronamespace from pg_catalog.pg_proc where oid = d.objid)
      when 'pg_catalog.pg_type'::regclass then (select typnamespace from pg_catalog.pg_type where oid = d.objid)
      when 'pg_catalog.pg_constraint'::regclass then (select connamespace from pg_catalog.pg_constraint where oid = d.objid)
      when 'pg_catalog.pg_rewrite'::regclass
        then (select c.relnamespace from pg_catalog.pg_rewrite r join pg_catalog.pg_class c on c.oid = r.ev_class where r.oid = d.objid)
      when 'pg_catalog.pg_trigger'::regclass
        then (select c.relnamespace from pg_catalog.pg_trigger t join pg_catalog.pg_class c on c.oid = t.tgrelid where t.oid = d.objid)
      when 'pg_catalog.pg_attrdef'::regclass
        then (select c.relnamespace from pg_catalog.pg_attrdef a join pg_catalog.pg_class c on c.oid = a.adrelid where a.oid = d.objid)
      when 'pg_catalog.pg_policy'::regclass
        then (select c.relnamespace from pg_catalog.pg_policy p join pg_catalog.pg_class c on c.oid = p.polrelid where p.oid = d.objid)
    end, 0) not in (0, to_regnamespace('sluice'))
order by 1;

-- name: listCallers
-- Functions of other schemas whose text names an object of the schema, or that set a search_path with the schema:
-- they would fail after an uninstall. PostgreSQL records no dependency for the text of a function. A comment calls
-- nothing, so the text is searched without comments. `--` and `/*` within a string begin none.
with
  own as (
    select relname as name from pg_catalog.pg_class where relnamespace = to_regnamespace('sluice')
    union
    select proname from pg_catalog.pg_proc where pronamespace = to_regnamespace('sluice')
    union
    select typname from pg_catalog.pg_type where typnamespace = to_regnamespace('sluice')
  ),
  word as (select name, regexp_replace(name, '([^[:alnum:]_ ])', '\\\1', 'g') as word
           from (select name from own union select 'sluice') n),
  pattern as (select format('(\m%1$s|"%1$s")\.(%2$s)', (select word from word where name = 'sluice'),
                            (select string_agg(format('%1$s\M|"%1$s"', word), '|') from word)) as text)
select pg_catalog.pg_describe_object('pg_catalog.pg_proc'::regclass, p.oid, 0) as name
from pg_catalog.pg_proc p
where p.pronamespace not in (to_regnamespace('sluice'), 'pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  and (regexp_replace(p.prosrc, '(''(?:[^'']|'''')*'')|--[^\n]*|/\*(?:[^*]|\*+[^*/])*\*+/', '\1 ', 'g')
         ~* (select text from pattern)
       or exists (select from unnest(p.proconfig) c
                  where c ~ '^search_path='
                    and 'sluice' = any(array(select btrim(btrim(part), '"')
                                             from string_to_table(substr(c, length('search_path=') + 1), ',') part))))
order by 1;

-- name: listProcesses
-- Other sessions of nodes and writers of the schema: by their names ($1), or by the lock ($2) of sessions that share the
-- lanes, because programs may choose names.
select a.pid, a.application_name as application, coalesce(a.usename, '') as role
from pg_catalog.pg_stat_activity a
where a.datname = current_database() and a.pid <> pg_backend_pid()
  and (a.application_name = any($1::text[])
       or exists (select from pg_catalog.pg_locks k
                  where k.pid = a.pid and k.database = a.datid and k.locktype = 'advisory' and k.objsubid = 2
                    and k.granted and k.classid::bigint = $2::bigint))
order by a.pid;
