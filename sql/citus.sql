-- What a schema needs before Citus places it on one of its nodes, its home: `sluice migrate` runs this once, on the
-- coordinator. Positions, advisory locks and notifications differ by node, so each statement that writes has to enter
-- at the home.

-- Null in a session at home, and otherwise the address of the home. After `citus_schema_move`, the first session at the
-- new home lets positions go on after those that other nodes have given, because each node has a sequence of its own.
create or replace function sluice.find_home() returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp set citus.enable_ddl_propagation = off
set citus.allow_nested_distributed_execution = on as $$
declare
  home record;
  given bigint;
begin
  select n.nodename, n.nodeport, n.groupid::text as node into home
  from pg_dist_shard h
  join pg_dist_placement p on p.shardid = h.shardid
  join pg_dist_node n on n.groupid = p.groupid and n.noderole = 'primary'
  where h.logicalrelid = 'sluice.setting'::regclass;
  if not found then
    return null;
  elsif home.node <> (select groupid::text from pg_dist_local_group) then
    return home.nodename || ':' || home.nodeport;
  end if;

  if home.node is distinct from (select value from sluice.setting where name = 'home') then
    insert into sluice.setting (name, value) values ('home', '') on conflict (name) do nothing;
    perform from sluice.setting where name = 'home' for update;
    if home.node is distinct from (select value from sluice.setting where name = 'home') then
      select max(r.result::bigint) into given
      from run_command_on_all_nodes('select case when is_called then last_value end from sluice.intake_position_seq') r
      where r.success and r.result <> '';
      execute format('alter sequence sluice.intake_position_seq minvalue 1 maxvalue 9223372036854775807 restart %s',
                     coalesce(given, 0) + 1);
      update sluice.setting set value = home.node where name = 'home';
    end if;
  end if;
  return null;
end
$$;

-- As a standby refuses writes, so a process looks for another server. Migrations write from the coordinator.
create or replace function sluice.refuse_other_nodes() returns trigger
language plpgsql as $$
begin
  if current_setting('application_name') like 'citus_internal gpid=%'
     and current_setting('sluice.migrates', true) is distinct from 'on' then
    raise read_only_sql_transaction using message = 'the schema takes writes only from sessions of its home node';
  end if;
  return null;
end
$$;

insert into sluice.setting (name, value) values ('backend', 'citus') on conflict (name) do nothing;

do $$
declare
  name text;
begin
  for name in
    select c.relname from pg_class c
    where c.relnamespace = 'sluice'::regnamespace and c.relkind = 'r'
      and not exists (select from pg_trigger t where t.tgrelid = c.oid and t.tgname = c.relname || '_is_written_at_home')
  loop
    execute format('create trigger %I before insert or update or delete on sluice.%I '
                   'for each statement execute function sluice.refuse_other_nodes()', name || '_is_written_at_home', name);
  end loop;
end
$$;
