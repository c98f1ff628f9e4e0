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

-- name: listProcesses
-- Other sessions of nodes and writers in this database.
select pid, application_name as application, coalesce(usename, '') as role
from pg_catalog.pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and application_name ~ '^sluice (node|writer)'
order by pid;
