-- Any program may take an advisory lock of ours, by accident or by hand. A lane whose lock is held by another session than
-- its leader's has no leader, and whoever holds it is named.

-- Sessions that share the lanes: each holds the lock of its own process id. What others lock with that first key is nobody's.
create view sluice.lane_session as
select k.pid from pg_catalog.pg_locks k
where k.locktype = 'advisory' and k.classid = 1936486758 and k.objsubid = 2 and k.objid::integer = k.pid
  and k.mode = 'ExclusiveLock' and k.granted
  and k.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database());

-- A leader holds the lock of its lane, and the lane has noted its session.
create or replace function sluice.led_lanes() returns integer[]
language sql stable security definer
return array(
  with held as materialized (
    select k.objid::integer as lane, k.pid from pg_catalog.pg_locks k
    where k.locktype = 'advisory' and k.classid = 1936486757 and k.objsubid = 2 and k.mode = 'ExclusiveLock' and k.granted
      and k.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
  )
  select h.lane from held h join sluice.lane l on l.lane = h.lane and l.session_pid = h.pid
  where h.pid = any (array(select s.pid from sluice.lane_session s))
  union
  select lane::integer from sluice.lane where leased_until > clock_timestamp());

-- Sessions that hold the lock of a lane and do not share the lanes. A prepared transaction has no process. Since when a
-- lock is held the server does not know: it is told since when the transaction is open, or else the session.
create view sluice.lane_stranger as
select k.objid::integer as lane, k.pid, coalesce(a.application_name, '') as application, coalesce(a.usename::text, '') as role,
       coalesce(a.xact_start, a.backend_start) as since
from pg_catalog.pg_locks k left join pg_catalog.pg_stat_activity a on a.pid = k.pid
where k.locktype = 'advisory' and k.classid = 1936486757 and k.objsubid = 2 and k.granted
  and k.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
  and (k.pid is null or k.pid <> all (array(select s.pid from sluice.lane_session s)));

create or replace view sluice.lane_status as
with stranger as materialized (
  select distinct on (x.lane) x.* from sluice.lane_stranger x order by x.lane, x.since
)
select l.lane, s.reason, s.is_led, l.term,
       coalesce(l.writer_id, l.last_writer_id) as writer_id, w.host, w.process_id,
       case when s.is_led then l.led_since end as led_since,
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
          order by i.position limit 1)) as oldest_accepted_at,
       l.suspect_since,
       h.lane is not null as is_locked_by_stranger, h.pid as stranger_pid, h.application as stranger_application,
       h.role as stranger_role, h.since as stranger_since
from sluice.lane l
join sluice.lane_reason s on s.lane = l.lane
left join sluice.writer w on w.writer_id = coalesce(l.writer_id, l.last_writer_id)
left join sluice.lane_retry_now r on r.lane = l.lane
left join stranger h on h.lane = l.lane;

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
         writer.session_pids && array(select s.pid from sluice.lane_session s)
         or exists (select from sluice.lease_session s
                    where s.writer_id = writer.writer_id and s.alive_until > clock_timestamp()) as is_alive
  from sluice.writer) w
left join (
  select l.writer_id, count(*) as lanes
  from sluice.lane l join sluice.lane_reason s on s.lane = l.lane and s.is_led
  group by l.writer_id) l on l.writer_id = w.writer_id;
