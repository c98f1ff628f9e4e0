-- Projections that the deployment has agreed on, and how far each has come: derived rows must not be lost silently.

-- version: null while no process may maintain it. rebuild_resource and rebuild_after: where a rebuild goes on; the empty
-- text is its last step, which removes rows of documents that are gone.
alter table sluice.projection
  add column version integer,
  add column needs_rebuild boolean not null default false,
  add column rebuild_resource text collate "C",
  add column rebuild_after uuid,
  add column rebuilt_documents bigint not null default 0,
  add column rebuilt_at timestamptz,
  add constraint projection_version_counts_from_one check (version >= 1);

-- Ends the transaction of a process whose projections are not those that the deployment has agreed on.
create function sluice.expect_projections(agreed text, own text) returns void
language plpgsql immutable as $$
begin
  if agreed is distinct from own then
    raise exception using errcode = 'SL004', message = 'projections differ',
      detail = format('agreed: %s', agreed), hint = format('of this process: %s', own);
  end if;
end
$$;

-- Agrees on projections ([{"name", "version", "resources"}, …]), unless others are agreed already and this is no change, and
-- returns what is agreed then, as settleWrites compares it. Each batch reads sluice.setting and keeps its lock on the table
-- until it has committed: the exclusive lock waits for the batches that have compared already, and those that come later
-- compare with the new value. Documents that were there before are known to a projection only after a rebuild.
create function sluice.agree_projections(projections jsonb, is_change boolean) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  own text;
  agreed text;
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
  on conflict (name) do update set value = excluded.value, set_at = clock_timestamp();
  update sluice.projection o
  set version = null, needs_rebuild = false, rebuild_resource = null, rebuild_after = null
  where o.version is not null
    and not exists (select from jsonb_to_recordset(projections) as p (name text, version integer)
                    where p.name = o.name and p.version = o.version);
  insert into sluice.projection as o (name, version, needs_rebuild)
  select p.name, p.version,
         exists (select from sluice.document d
                 where d.resource in (select r from jsonb_array_elements_text(p.resources) as r))
  from jsonb_to_recordset(projections) as p (name text, version integer, resources jsonb)
  order by p.name collate "C"
  on conflict (name) do update
  set version = excluded.version, needs_rebuild = excluded.needs_rebuild, rebuilt_documents = 0, rebuilt_at = null
  where o.version is null;
  return own;
end
$$;
revoke execute on function sluice.expect_projections(text, text), sluice.agree_projections(jsonb, boolean) from public;
