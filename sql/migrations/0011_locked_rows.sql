-- Writes that wait for a row which another transaction has locked: each awaits itself, and operators see who holds it.

-- To lock a row takes the right to update some column of it; whoever may delete rows here may lock them first.
do $$
declare
  grantee name;
begin
  for grantee in
    select distinct r.rolname
    from pg_catalog.pg_class c
    cross join lateral pg_catalog.aclexplode(c.relacl) a
    join pg_catalog.pg_roles r on r.oid = a.grantee
    where c.oid in ('sluice.alias'::regclass, 'sluice.reference'::regclass) and a.privilege_type = 'DELETE'
      and r.oid <> c.relowner
  loop
    execute format('grant update (lane) on sluice.alias, sluice.reference to %I', grantee);
  end loop;
end
$$;

create or replace view sluice.stuck_write as
select i.write_id, case when i.blocked_at is null then 'ready' else 'blocked' end as state,
       case when i.blocked_at is null then (select s.reason from sluice.lane_reason s where s.lane = i.lane)
            when exists (select from sluice.awaited a where a.awaited_id = i.write_id and a.write_id = i.write_id) then 'locked'
            else 'blocked' end as reason,
       i.lane, i.operation, i.resource, i.client, i.document_id, i.referential_id, i.accepted_at,
       coalesce(i.blocked_at, i.accepted_at) as since, i.reference_deadline,
       case when i.blocked_at is not null
            then (select count(*) from sluice.awaited a where a.write_id = i.write_id) else 0 end as awaits,
       case when i.blocked_at is null
            then (select r.attempt from sluice.lane_retry_now r where r.lane = i.lane) end as attempts,
       case when i.blocked_at is null
            then (select r.next_at from sluice.lane_retry_now r where r.lane = i.lane) end as next_at,
       case when i.blocked_at is null
            then (select r.error_code from sluice.lane_retry_now r where r.lane = i.lane) end as error_code,
       null::text as error_constraint, null::text as error_table
from sluice.intake i
union all
select d.write_id, 'dead_letter'::text, 'dead_letter'::text,
       d.lane, d.operation, d.resource, d.client, d.document_id, d.referential_id, d.accepted_at, d.died_at,
       null::timestamptz, 0::bigint,
       d.attempts, null::timestamptz, (d.error ->> 'code') collate "C", d.error ->> 'constraint', d.error ->> 'table'
from sluice.dead_letter d;

create or replace view sluice.awaited_status as
select a.write_id, a.awaited_id, a.since,
       case when a.awaited_id = a.write_id then 'lock'
            when a.awaited_id = any(i.reference_ids) then 'reference'
            else 'predecessor' end as kind,
       case when a.awaited_id = a.write_id then 'locked'
            when exists (select from sluice.alias x where x.referential_id = a.awaited_id)
              or exists (select from sluice.outcome o where o.write_id = a.awaited_id) then 'committed'
            when p.is_blocked then 'blocked'
            when p.write_id is not null then 'pending'
            when a.failure is not null then 'refused'
            else 'never_seen' end as standing,
       nullif(a.failure, '') as failure,
       p.write_id as provider_id, p.lane as provider_lane, p.resource as provider_resource, p.client as provider_client,
       case when p.is_blocked then 'blocked'
            else (select s.reason from sluice.lane_reason s where s.lane = p.lane) end as provider_reason
from sluice.awaited a
join sluice.intake i on i.write_id = a.write_id and i.blocked_at is not null
left join lateral (
  select c.* from (
    select n.write_id, n.position, n.lane, n.resource, n.client, n.blocked_at is not null as is_blocked
    from sluice.intake n where n.referential_id = a.awaited_id and n.operation <> 'delete' and n.write_id <> a.write_id
    union all
    select n.write_id, n.position, n.lane, n.resource, n.client, n.blocked_at is not null
    from sluice.intake n where n.superclass_id = a.awaited_id and n.operation <> 'delete' and n.write_id <> a.write_id
    union all
    select n.write_id, n.position, n.lane, n.resource, n.client, n.blocked_at is not null
    from sluice.intake n where n.write_id = a.awaited_id and n.write_id <> a.write_id) c
  order by c.position limit 1) p on true;

-- Which processes of the server hold locks on rows that these writes may wait for, as far as the rows tell: a row names the
-- transaction that has locked it last. A function, as it looks at rows of documents that operators may not read.
create function sluice.lock_holders(write_ids uuid[]) returns table (write_id uuid, pid integer)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with running as materialized (
    select k.transactionid, k.pid from pg_locks k where k.locktype = 'transactionid' and k.mode = 'ExclusiveLock' and k.granted
  )
  select distinct i.write_id, k.pid
  from sluice.intake i
  cross join lateral (
    select i.xmax as locker
    union all
    select l.xmax from sluice.lane l where l.lane = i.lane
    union all
    select a.xmax from sluice.alias a
    where a.referential_id = any(i.reference_ids || array[i.referential_id, i.superclass_id])
    union all
    select d.xmax from sluice.document d
    where d.document_id = i.document_id
       or d.document_id in (select a.document_id from sluice.alias a where a.referential_id in (i.referential_id, i.superclass_id))
    union all
    select a.xmax from sluice.alias a where a.document_id = i.document_id
    union all
    select r.xmax from sluice.reference r
    where r.document_id in (select a.document_id from sluice.alias a where a.referential_id in (i.referential_id, i.superclass_id))
  ) r
  join running k on k.transactionid = r.locker
  where i.write_id = any(lock_holders.write_ids);
$$;
revoke execute on function sluice.lock_holders(uuid[]) from public;
