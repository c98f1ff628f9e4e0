-- What operators see and do: why each write waits, lanes that are paused, writers that are drained, and a record of
-- every action. The views show no bodies, so a role may be given them and nothing else.

-- A paused lane keeps its leader, which settles nothing in it. Who led last outlives an orderly farewell.
alter table sluice.lane
  add column paused_at timestamptz,
  add column paused_by text,
  add column last_writer_id uuid,
  add constraint paused_lane_has_time_and_name check ((paused_at is null) = (paused_by is null));
-- Every beat asks which they are.
create index lane_paused on sluice.lane (lane) where paused_at is not null;

-- Backends of this writer's sessions: their locks tell whether it lives. A writer that is to drain gives up its lanes.
alter table sluice.writer
  add column session_pids integer[] not null default '{}',
  add column drain_requested_at timestamptz;

-- What a dead letter's write would have met: a redrive is refused if that has changed since.
alter table sluice.dead_letter
  add column found_document_id uuid,
  add column found_version bigint;

-- A lane whose leader tries a batch again. Written by that leader without waiting for a flush, removed by its next
-- success; of an earlier term than the lane's it says nothing any more.
create table sluice.lane_retry (
  lane smallint not null,
  term bigint not null,
  attempt integer not null,
  since timestamptz not null default clock_timestamp(),
  next_at timestamptz not null,
  error_code text collate "C",
  constraint lane_retry_pkey primary key (lane)
) with (fillfactor = 50);

-- What operators have done. No contents of documents; rows are added and never changed.
create table sluice.audit (
  audit_id bigint generated always as identity,
  done_at timestamptz not null default clock_timestamp(),
  writes integer not null default 0,
  action text collate "C" not null,
  actor text not null,
  database_role text not null default session_user,
  target text not null,
  write_ids uuid[] not null default '{}',
  detail jsonb,
  constraint audit_pkey primary key (audit_id),
  constraint action_is_named check (action <> '' and actor <> '')
);

create function sluice.refuse_change() returns trigger
language plpgsql as $$
begin
  raise exception using errcode = 'SL002', message = 'rows of this table are never changed or removed';
end
$$;
create trigger audit_is_append_only before update or delete or truncate on sluice.audit
  for each statement execute function sluice.refuse_change();

-- The smallest id of a write made at a time or later: the first 48 bits of a UUIDv7 are its milliseconds.
create function sluice.write_id_floor(made_at timestamptz) returns uuid
language sql immutable strict parallel safe
return (lpad(to_hex((extract(epoch from made_at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid;

-- Lanes that are led, as their locks tell: asked once for any number of rows, by (select sluice.led_lanes()). Stable, as
-- the view of the locks is not, which would keep what asks it from reading tables in their order.
create function sluice.led_lanes() returns integer[]
language sql stable
return array(
  select k.objid::integer from pg_catalog.pg_locks k
  where k.locktype = 'advisory' and k.classid = 1936486757 and k.granted
    and k.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database()));

create view sluice.lane_retry_now as
select r.lane, r.attempt, r.since, r.next_at, r.error_code
from sluice.lane_retry r join sluice.lane l on l.lane = r.lane and l.term = r.term and l.paused_at is null;

-- Who leads, and why a ready write of each lane waits.
create view sluice.lane_reason as
select l.lane, l.lane = any ((select sluice.led_lanes())::integer[]) as is_led,
       case when l.paused_at is not null then 'lane_paused'
            when l.lane <> all ((select sluice.led_lanes())::integer[]) then 'lane_without_leader'
            when exists (select from sluice.lane_retry_now r where r.lane = l.lane) then 'retrying'
            else 'ready' end as reason
from sluice.lane l;

create view sluice.lane_status as
select l.lane, s.reason, s.is_led, l.term,
       coalesce(l.writer_id, l.last_writer_id) as writer_id, w.host, w.process_id,
       case when s.is_led then l.led_since end as led_since,
       -- A leader that died said nothing: then it is the last sign of life that is known of it.
       case when s.is_led then null
            when l.writer_id is null then l.left_at
            else greatest(l.led_since, w.seen_at) end as leaderless_since,
       l.paused_at, l.paused_by,
       r.error_code as retry_error, r.attempt as retry_attempt, r.since as retry_since, r.next_at as retry_next_at,
       (select count(*) from sluice.intake i where i.lane = l.lane and i.blocked_at is null) as ready,
       (select count(*) from sluice.intake i where i.lane = l.lane and i.blocked_at is not null) as blocked,
       least(
         (select i.accepted_at from sluice.intake i where i.lane = l.lane and i.blocked_at is null
          order by i.position limit 1),
         (select i.accepted_at from sluice.intake i where i.lane = l.lane and i.blocked_at is not null
          order by i.position limit 1)) as oldest_accepted_at
from sluice.lane l
join sluice.lane_reason s on s.lane = l.lane
left join sluice.writer w on w.writer_id = coalesce(l.writer_id, l.last_writer_id)
left join sluice.lane_retry_now r on r.lane = l.lane;

-- Every write that waits or was set aside, and why. In the order of write_id, which is that of their making, it can be
-- read page by page over any number of rows: each arm is one table without a condition, so that its key serves the order.
create view sluice.stuck_write as
select i.write_id, case when i.blocked_at is null then 'ready' else 'blocked' end as state,
       case when i.blocked_at is not null then 'blocked'
            else (select s.reason from sluice.lane_reason s where s.lane = i.lane) end as reason,
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

-- One thing that one blocked write awaits: where it stands, and which write would provide it, if one is on its way.
create view sluice.awaited_status as
select a.write_id, a.awaited_id, a.since,
       case when a.awaited_id = any(i.reference_ids) then 'reference' else 'predecessor' end as kind,
       case when exists (select from sluice.alias x where x.referential_id = a.awaited_id)
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
    from sluice.intake n where n.write_id = a.awaited_id) c
  order by c.position limit 1) p on true;

-- What a blocked write awaits, what the writes that would provide it await, and so on: nearest first, 200 links and
-- 32 steps at most. Meant to be asked for some writes: the chain of each is followed on its own.
create view sluice.blocked_chain as
select b.write_id, c.depth, c.blocked_id, c.awaited_id, c.kind, c.standing, c.failure, c.since,
       c.provider_id, c.provider_lane, c.provider_resource, c.provider_reason
from sluice.intake b
cross join lateral (
  with recursive link as (
    select 1 as depth, s.write_id as blocked_id, s.awaited_id, s.kind, s.standing, s.failure, s.since,
           s.provider_id, s.provider_lane, s.provider_resource, s.provider_reason
    from sluice.awaited_status s
    where s.write_id = b.write_id
    union
    select k.depth + 1, s.write_id, s.awaited_id, s.kind, s.standing, s.failure, s.since,
           s.provider_id, s.provider_lane, s.provider_resource, s.provider_reason
    from link k
    -- One look for each link, whatever is thought of their number.
    cross join lateral (select * from sluice.awaited_status a where a.write_id = k.provider_id limit 200) s
    where k.standing = 'blocked' and k.depth < 32
  )
  select * from link limit 200) c
where b.blocked_at is not null;

-- Writers: alive while one of their sessions holds its lock.
create view sluice.writer_status as
select w.writer_id,
       case when not w.is_alive and w.stopped_at is not null then 'stopped'
            when not w.is_alive then 'gone'
            when w.drain_requested_at is not null then 'draining'
            when coalesce(l.lanes, 0) > 0 then 'leading'
            else 'standing by' end as state,
       w.is_alive, w.host, w.process_id, w.version, coalesce(l.lanes, 0) as lanes, w.started_at, w.seen_at, w.stopped_at,
       w.drain_requested_at
from (
  select writer.*,
         exists (select from unnest(writer.session_pids) as p (pid) where p.pid in (
           select k.objid::integer from pg_catalog.pg_locks k
           where k.locktype = 'advisory' and k.classid = 1936486758 and k.granted
             and k.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database()))) as is_alive
  from sluice.writer) w
left join (
  select l.writer_id, count(*) as lanes
  from sluice.lane l join sluice.lane_reason s on s.lane = l.lane and s.is_led
  group by l.writer_id) l on l.writer_id = w.writer_id;

-- What was settled in each of the last ten minutes, of writes made in the last twenty: found by their ids, as an index
-- by time would cost every batch.
create view sluice.throughput as
select date_trunc('minute', o.settled_at) as minute, count(*) as writes, count(distinct o.batch_id) as batches,
       count(*) filter (where o.result in ('created', 'updated', 'unchanged', 'deleted')) as applied,
       count(*) filter (where o.result = 'refused') as refused,
       count(*) filter (where o.result = 'not_applied') as not_applied
from sluice.outcome o
where o.write_id >= sluice.write_id_floor(statement_timestamp() - interval '20 minutes')
  and o.settled_at >= date_trunc('minute', statement_timestamp() - interval '9 minutes')
group by 1;
