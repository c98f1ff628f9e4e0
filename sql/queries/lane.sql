-- name: lockTerms
-- Locks the rows of the lanes in lane order, and waits for each: for settling named writes without effect.
select lane, term, paused_at is not null as is_paused from sluice.lane where lane = any($1::smallint[]) order by lane for no key update;

-- name: lockFreeTerms
-- The fence, first in every batch: locks the rows of the lanes in lane order, and returns their terms, and which are
-- paused. A lane whose row another transaction has locked is left out: a cancellation or a fast path locks it for a
-- moment, another program perhaps for long.
select lane, term, paused_at is not null as is_paused from sluice.lane where lane = any($1::smallint[]) order by lane for no key update skip locked;

-- name: openTerms
-- A new leader begins the next term of each lane whose lock it has just taken. If the previous leader ended without
-- leaving, the lane is in quarantine from now on, because a write may have killed that leader. A lane whose row another
-- transaction has locked is left out.
update sluice.lane l
set term = l.term + 1, writer_id = $2, session_pid = pg_backend_pid(), led_since = statement_timestamp(),
    suspect_since = case when l.writer_id is null then l.suspect_since else coalesce(l.suspect_since, mine.now) end
from (select lane, statement_timestamp() as now from sluice.lane where lane = any($1::smallint[]) order by lane for no key update skip locked) mine
where l.lane = mine.lane
returning l.lane, l.term, l.suspect_since is not null as is_quarantined, l.trials, l.tried;

-- name: closeTerms
-- A leader that leaves in order records that, unless another leads already. If another transaction has locked the row,
-- nothing is recorded: the next leader has the lane in quarantine.
update sluice.lane l
set last_writer_id = l.writer_id, writer_id = null, session_pid = null, led_since = null, leased_until = null,
    left_at = statement_timestamp()
from (select l.lane from sluice.lane l join unnest($1::smallint[], $2::bigint[]) as m (lane, term)
        on m.lane = l.lane and m.term = l.term
      order by l.lane for no key update of l skip locked) mine
where l.lane = mine.lane;

-- name: tryLanes
-- Takes the free locks of these lanes. Alone in its statement, so that later reads see all commits of the previous
-- leader.
select lane from unnest($1::smallint[]) as l (lane) where pg_try_advisory_lock(1936486757, lane::integer);

-- name: unlockLanes
-- Releases the locks of these lanes.
select count(pg_advisory_unlock(1936486757, lane::integer)) from unnest($1::smallint[]) as l (lane);

-- name: takeLeases
-- The other form of ownership: takes the lanes without a valid lease, and begins their next terms. A leader whose lease
-- runs out in the middle of a batch keeps its lanes until the end of that batch.
update sluice.lane l
set term = l.term + 1, writer_id = $2, session_pid = pg_backend_pid(), led_since = statement_timestamp(),
    leased_until = statement_timestamp() + $3 * interval '1 millisecond',
    suspect_since = case when l.writer_id is null then l.suspect_since else coalesce(l.suspect_since, mine.now) end
from (select lane, statement_timestamp() as now from sluice.lane
      where lane = any($1::smallint[]) and (leased_until is null or leased_until <= statement_timestamp())
      order by lane for no key update skip locked) mine
where l.lane = mine.lane
returning l.lane, l.term, l.suspect_since is not null as is_quarantined, l.trials, l.tried;

-- name: renewLeases
-- Records that a session lives, how many sessions it wants to lead ($6 to $8), and that it still leads these lanes in
-- these terms. It returns its own lanes, also those whose row another transaction has locked while the lease is valid.
-- If a crash loses this, the lease only runs out sooner, so no session waits for its flush.
with unflushed as (select set_config('synchronous_commit', 'off', true)),
alive as (
  insert into sluice.lease_session (session_id, writer_id, alive_until, lanes, wanted_sessions, load, busy_percent)
  select $1, $2, statement_timestamp() + $5 * interval '1 millisecond', cardinality($3::smallint[]), $6, $7, $8 from unflushed
  on conflict (session_id) do update
  set alive_until = excluded.alive_until, lanes = excluded.lanes, wanted_sessions = excluded.wanted_sessions,
      load = excluded.load, busy_percent = excluded.busy_percent
),
renewed as (
  update sluice.lane l set leased_until = statement_timestamp() + $5 * interval '1 millisecond'
  from (select l.lane from sluice.lane l join unnest($3::smallint[], $4::bigint[]) as m (lane, term)
          on m.lane = l.lane and m.term = l.term
        order by l.lane for no key update of l skip locked) mine
  where l.lane = mine.lane
)
select l.lane from sluice.lane l join unnest($3::smallint[], $4::bigint[]) as m (lane, term) on m.lane = l.lane and m.term = l.term;

-- name: endLease
-- Removes a session that ends in order.
delete from sluice.lease_session where session_id = $1;

-- name: forgetLeases
-- Removes sessions that ended otherwise, once they no longer count.
delete from sluice.lease_session where alive_until < statement_timestamp() - interval '1 hour';

-- name: readFirst
-- The write that a lane settles next.
select write_id from sluice.intake where lane = $1 and blocked_at is null order by position limit 1;

-- name: noteTry
-- Records that writes of these lanes are about to be tried ($1, $2: lanes and terms; $3: consecutive tries that have
-- begun; $4: the write that is tried alone, or null). Flushed before the try begins, because a write may crash the
-- server, too. A lane whose row another transaction has locked is left out.
update sluice.lane l
set trials = $3, tried = $4::uuid
from (select l.lane from sluice.lane l join unnest($1::smallint[], $2::bigint[]) as m (lane, term)
        on m.lane = l.lane and m.term = l.term
      order by l.lane for no key update of l skip locked) mine
where l.lane = mine.lane
returning l.lane;

-- name: endQuarantine
-- The leader has survived the writes of these lanes. If a crash of the server loses this, the lanes are tried once more. A lane
-- whose row another transaction has locked is left out.
with unflushed as (select set_config('synchronous_commit', 'off', true)),
ended as (
  update sluice.lane l
  set suspect_since = null, trials = 0, tried = null
  from (select l.lane from sluice.lane l join unnest($1::smallint[], $2::bigint[]) as m (lane, term)
          on m.lane = l.lane and m.term = l.term
        order by l.lane for no key update of l skip locked) mine
  where l.lane = mine.lane
  returning l.lane
)
select e.lane from ended e cross join unflushed;

-- name: announceSession
-- Announces this session by a lock that ends with it: the number of such locks is the number of sessions that share the
-- lanes.
select pg_try_advisory_lock(1936486758, pg_backend_pid()) as announced;

-- name: showDemand
-- Shows how many sessions this one wants to lead, and why, by a lock that ends with it, in place of what it showed before.
-- $1, $2: the keys of both; see sluice.lane_session.
select pg_try_advisory_lock_shared(1936486759, $1::integer) as shown,
       case when $2::integer is not null then pg_advisory_unlock_shared(1936486759, $2::integer) end as hidden;

-- name: retireSession
-- Records that this session no longer shares the lanes.
select pg_advisory_unlock(1936486758, pg_backend_pid()) as retired;

-- name: awaitSessionEnd
-- Waits for the end of a session that shares the lanes, for less than a second.
select sluice.await_session_end($1) as has_ended;

-- name: hintFreeLanes
-- Tells the writers that lanes may be free.
select pg_notify('sluice_lanes', '');

-- name: noteSession
-- Records for people that this session belongs to a writer, and deletes the records of ended sessions.
update sluice.writer
set session_pids = array_append(
  array(select p.pid from unnest(session_pids) as p (pid)
        where p.pid <> pg_backend_pid() and p.pid = any (array(select s.pid from sluice.lane_session s))),
  pg_backend_pid())
where writer_id = $1;

-- name: heartbeat
-- The read of a session that leads or waits: living sessions, paused lanes, work in its own lanes, and whether
-- its writer should drain. $3: lanes are owned by leases, not by locks. It costs no flush. One index look-up for each
-- lane, because one for all lanes may pass all blocked writes. $4: the low-water mark of each lane. It returns how long
-- the first ready write of any lane has waited at most; null: there is none. A write that was blocked has not been
-- ready all that time. Sessions that share the lanes by load have a rank, from 0. By locks, leading sessions come
-- first, then process ids count; by leases, those that joined first. $5: the id of this session, if it leases. Sessions
-- of earlier versions have none.
with sharer as materialized (
  select s.pid, null::uuid as session_id, s.wanted_sessions,
         row_number() over (order by s.wanted_sessions is null, s.lanes = 0, s.pid) as place
  from sluice.lane_session s where not $3
  union all
  select null, s.session_id, s.wanted_sessions, row_number() over (order by s.wanted_sessions is null, s.joined_at, s.session_id)
  from sluice.lease_session s where $3 and s.alive_until > clock_timestamp()
)
select
  (select count(s.wanted_sessions) from sharer s)::integer as sessions,
  (select max(s.wanted_sessions) from sharer s)::integer as wanted_sessions,
  (select s.place - 1 from sharer s
   where s.wanted_sessions is not null and (s.pid = pg_backend_pid() or s.session_id = $5::uuid))::integer as rank,
  case when not $3 then array(select pid from sharer order by pid) end as session_pids,
  array(select lane from sluice.lane where paused_at is not null) as paused_lanes,
  exists (select 1 from sluice.writer where writer_id = $2 and drain_requested_at is not null) as is_draining,
  (select max(case when r.was_blocked then 0 else extract(epoch from clock_timestamp() - r.accepted_at) end)::double precision
   from unnest($1::smallint[], $4::bigint[]) as l (lane, low) cross join lateral
     (select i.was_blocked, i.accepted_at from sluice.intake i
      where i.lane = l.lane and i.blocked_at is null and i.position > l.low
      order by i.position limit 1) r
   where l.lane <> all(array(select lane from sluice.lane where paused_at is not null))) as ready_seconds,
  exists (select 1 from unnest($1::smallint[]) as l (lane) cross join lateral
            (select 1 from sluice.intake i where i.lane = l.lane and i.blocked_at is not null
             order by i.position limit 1) b) as has_blocked,
  exists (select 1 from sluice.lane l cross join lateral
            (select 1 from sluice.intake i where i.lane = l.lane and i.blocked_at is not null
             order by i.position limit 1) b
          where l.lane <> all($1::smallint[])) as has_blocked_elsewhere;

-- name: readTakenLanes
-- The lanes that have a leader, also those whose locks others hold: no session can take them. $1: lanes are owned by leases.
-- Only a session that wants lanes reads them: a read of all locks of the server costs as much as the rest of a heartbeat.
select case when $1 then array(select lane::integer from sluice.lane where leased_until > clock_timestamp())
       else array(select objid::integer from pg_locks where locktype = 'advisory' and classid = 1936486757 and granted
                    and objsubid = 2
                    and database = (select oid from pg_database where datname = current_database())) end as lanes;

-- name: noteRetry
-- Records that the leader of these lanes tries a batch again. No answer depends on it, so no session waits for its
-- flush.
with unflushed as (select set_config('synchronous_commit', 'off', true))
insert into sluice.lane_retry (lane, term, attempt, next_at, error_code)
select l.lane, l.term, $3::integer, clock_timestamp() + $4::double precision * interval '1 millisecond', $5::text
from unflushed, unnest($1::smallint[], $2::bigint[]) as l (lane, term)
order by l.lane
on conflict (lane) do update
set term = excluded.term, attempt = excluded.attempt, next_at = excluded.next_at, error_code = excluded.error_code,
    since = case when lane_retry.term = excluded.term then lane_retry.since else excluded.since end;

-- name: forgetRetry
-- Deletes that record, because the batch was settled or ended otherwise.
with unflushed as (select set_config('synchronous_commit', 'off', true))
delete from sluice.lane_retry r using unflushed where r.lane = any($1::smallint[]);
