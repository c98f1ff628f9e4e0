-- Functions that also work where Citus places the schema on one of its nodes. Citus refuses parsed bodies that depend on
-- tables, statements that read a transition table and another table, and volatile functions in DO UPDATE.

create or replace function sluice.led_lanes() returns integer[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return array(
    with held as materialized (
      select k.objid::integer as lane, k.pid from pg_locks k
      where k.locktype = 'advisory' and k.classid = 1936486757 and k.objsubid = 2 and k.mode = 'ExclusiveLock' and k.granted
        and k.database = (select d.oid from pg_database d where d.datname = current_database())
    )
    select h.lane from held h join sluice.lane l on l.lane = h.lane and l.session_pid = h.pid
    where h.pid = any (array(select s.pid from sluice.lane_session s))
    union
    select l.lane::integer from sluice.lane l where l.leased_until > clock_timestamp());
end
$$;

create or replace function sluice.check_documents_are_free() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  gone uuid[] := array(select r.document_id from removed r);
  violated text;
begin
  perform sluice.check_isolation();
  select case when exists (select from sluice.alias a where a.document_id = any(gone)) then 'alias_names_a_document'
              when exists (select from sluice.reference f where f.document_id = any(gone))
                then 'reference_belongs_to_a_document' end
  into violated;
  if violated is not null then
    raise foreign_key_violation using message = 'a deleted document still has aliases or references',
      schema = tg_table_schema, table = tg_table_name, constraint = violated;
  end if;
  return null;
end
$$;

create or replace function sluice.check_aliases_are_free() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  gone uuid[] := array(select r.referential_id from removed r);
begin
  perform sluice.check_isolation();
  if exists (select from sluice.reference f where f.referential_id = any(gone)) then
    raise foreign_key_violation using message = 'a deleted alias is still referred to',
      schema = tg_table_schema, table = tg_table_name, constraint = 'reference_leads_to_an_alias';
  end if;
  return null;
end
$$;

create or replace function sluice.forget_keys() returns trigger
language plpgsql as $$
declare
  settled uuid[];
begin
  if tg_op = 'TRUNCATE' then
    delete from sluice.idempotency_key;
  else
    settled := array(select g.write_id from gone g);
    delete from sluice.idempotency_key where write_id = any (settled);
  end if;
  return null;
end
$$;

create or replace function sluice.agree_projections(projections jsonb, is_change boolean) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  own text;
  agreed text;
  stored text[];
begin
  select coalesce(string_agg(format('%s@%s', p.name, p.version), ',' order by p.name collate "C"), '') into own
  from jsonb_to_recordset(projections) as p (name text, version integer);
  -- Behind a long reader of sluice.setting, new batches would wait for as long.
  perform set_config('lock_timeout', '1s', true);
  -- One call at a time, by a lock that no batch takes: two that read sluice.setting first would wait for each other.
  lock table sluice.projection in share row exclusive mode;
  select value into agreed from sluice.setting where name = 'projections';
  if agreed = own or (agreed is not null and not is_change) then
    return agreed;
  end if;

  lock table sluice.setting in access exclusive mode;
  select value into agreed from sluice.setting where name = 'projections';
  if agreed = own or (agreed is not null and not is_change) then
    return agreed;
  end if;
  insert into sluice.setting (name, value) values ('projections', own)
  on conflict (name) do update set value = excluded.value, set_at = excluded.set_at;
  update sluice.projection o
  set version = null, needs_rebuild = false, rebuild_resource = null, rebuild_after = null
  where o.version is not null
    and not exists (select from jsonb_to_recordset(projections) as p (name text, version integer)
                    where p.name = o.name and p.version = o.version);
  stored := array(
    select r.resource
    from (select distinct jsonb_array_elements_text(p.resources) as resource
          from jsonb_to_recordset(projections) as p (resources jsonb)) r
    where exists (select from sluice.document d where d.resource = r.resource));
  insert into sluice.projection as o (name, version, needs_rebuild)
  select p.name, p.version, coalesce(p.resources ?| stored, false)
  from jsonb_to_recordset(projections) as p (name text, version integer, resources jsonb)
  order by p.name collate "C"
  on conflict (name) do update
  set version = excluded.version, needs_rebuild = excluded.needs_rebuild, rebuilt_documents = 0, rebuilt_at = null
  where o.version is null;
  return own;
end
$$;
