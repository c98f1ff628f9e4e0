-- What failures leave behind: lanes whose leader ended without leaving, and leases as the second form of ownership.

-- A leader that ended without leaving may have been killed by a write: its lanes are suspect until all that was ready then
-- has been tried. `tried` are the writes of the lane that were tried last, noted before they were; `tried_alone` counts
-- how often one was tried with no other in its batch.
alter table sluice.lane
  add column suspect_since timestamptz,
  add column tried uuid[] not null default '{}',
  add column tried_alone smallint not null default 0,
  -- Ownership by lease: until when the leader has the lane unless it renews.
  add column leased_until timestamptz;

-- Ownership by lease: who shares the lanes, and until when each counts unless it renews.
create table sluice.lease_session (
  session_id uuid not null,
  writer_id uuid not null,
  alive_until timestamptz not null,
  constraint lease_session_pkey primary key (session_id)
) with (fillfactor = 50);

-- The lanes that have a leader now: by an advisory lock, or by a lease that has not run out.
create or replace function sluice.led_lanes() returns integer[]
language sql stable
return array(
  select objid::integer from pg_catalog.pg_locks
  where locktype = 'advisory' and classid = 1936486757 and granted
    and database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
  union
  select lane::integer from sluice.lane where leased_until > clock_timestamp());

create or replace view sluice.writer_status as
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
             and k.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())))
         or exists (select from sluice.lease_session s
                    where s.writer_id = writer.writer_id and s.alive_until > clock_timestamp()) as is_alive
  from sluice.writer) w
left join (
  select l.writer_id, count(*) as lanes
  from sluice.lane l join sluice.lane_reason s on s.lane = l.lane and s.is_led
  group by l.writer_id) l on l.writer_id = w.writer_id;
