-- name: measureDatabase
-- The gauges of the whole database, for one scrape. Its cost is limited: each count ends at $1 rows, and beyond that,
-- or among many dead rows, PostgreSQL's own statistics estimate it. Data of sessions of other roles (wait events,
-- starts of transactions) needs pg_read_all_stats.
with
  session as materialized (
    select pid, state, wait_event_type, wait_event, xact_start, backend_xmin, backend_xid
    from pg_stat_activity
    where (datname = current_database() or backend_type = 'walsender') and pid <> pg_backend_pid()
  ),
  lock as materialized (
    select k.locktype, k.waitstart from pg_locks k join session s on s.pid = k.pid
    -- Writers wait for the end of each other's sessions all the time, also those of other schemas: shared, for a lock whose
    -- second key is the session's process id.
    where not k.granted
      and not (k.locktype = 'advisory' and k.objsubid = 2 and k.mode = 'ShareLock'
               and k.objid::integer in (select pid from session))
  ),
  -- Where a snapshot that is held open keeps dead rows by the hundred thousand, every look into the intake walks over
  -- them: then nothing is counted there.
  walked as materialized (select pg_stat_get_dead_tuples('sluice.intake'::regclass) > 100 * $1::bigint as is_costly),
  counted as materialized (
    select case when w.is_costly then $1 + 1
                else (select count(*) from (select 1 from sluice.intake where blocked_at is null
                                            order by lane, position limit $1 + 1) r) end as ready,
           case when w.is_costly then $1 + 1
                else (select count(*) from (select 1 from sluice.intake where blocked_at is not null
                                            order by lane, position limit $1 + 1) b) end as blocked
    from walked w
  ),
  oldest as materialized (
    select min(r.accepted_at) as ready, min(b.accepted_at) as blocked
    from sluice.lane l
    left join lateral (select accepted_at from sluice.intake i where i.lane = l.lane and i.blocked_at is null
                       order by i.position limit 1) r on true
    left join lateral (select accepted_at from sluice.intake i where i.lane = l.lane and i.blocked_at is not null
                       order by i.position limit 1) b on true
    where not (select is_costly from walked)
  ),
  estimated as materialized (
    select c.ready, pg_stat_get_live_tuples('sluice.intake'::regclass) as live,
           case when c.blocked <= $1 then c.blocked
                else greatest(0, (select reltuples from pg_class where oid = 'sluice.intake_blocked'::regclass))::bigint
           end as blocked
    from counted c
  )
select
  case when e.ready <= $1 then e.ready else greatest(0, e.live - e.blocked) end as ready,
  e.blocked,
  case when not w.is_costly then coalesce(date_part('epoch', clock_timestamp() - o.ready), 0) end as oldest_ready_seconds,
  case when not w.is_costly then coalesce(date_part('epoch', clock_timestamp() - o.blocked), 0) end as oldest_blocked_seconds,
  pg_stat_get_dead_tuples('sluice.intake'::regclass) as dead_rows,
  (select count(*) from (select 1 from sluice.dead_letter limit $1 + 1) d) as dead_letters,
  (select coalesce(jsonb_object_agg(lane, term), '{}') from sluice.lane) as terms,
  (select count(*) from sluice.lane where lane <> all ((select sluice.led_lanes())::integer[])) as unled_lanes,
  (select count(*) from sluice.lane where paused_at is not null) as paused_lanes,
  (select coalesce(jsonb_agg(jsonb_build_object('lane', lane, 'pid', pid, 'application', application, 'role', role,
           'seconds', coalesce(date_part('epoch', clock_timestamp() - since), 0))), '[]')
   from sluice.lane_stranger) as lane_strangers,
  (select count(*) from sluice.lane_retry_now) as retrying_lanes,
  (select coalesce(jsonb_object_agg(activity, sessions), '{}')
   from (select case when state = 'active' then coalesce(lower(wait_event_type collate "C"), 'running')
                     else replace(coalesce(state, 'unknown'), ' ', '_') end as activity, count(*) as sessions
         from session group by 1) a) as sessions,
  (select coalesce(jsonb_object_agg(locktype, sessions), '{}')
   from (select locktype, count(*) as sessions from lock group by locktype) w) as lock_waits,
  coalesce((select date_part('epoch', max(clock_timestamp() - waitstart)) from lock), 0) as longest_lock_wait_seconds,
  coalesce((select date_part('epoch', max(clock_timestamp() - xact_start)) from session
            where backend_xmin is not null or backend_xid is not null), 0) as oldest_transaction_seconds,
  greatest(0,
    (select max(age(backend_xmin)) from session),
    (select max(age(backend_xid)) from session),
    (select max(age(xmin)) from pg_replication_slots),
    (select max(age(transaction)) from pg_prepared_xacts where database = current_database())) as horizon_transactions,
  pg_notification_queue_usage() as notification_queue_ratio
from estimated e cross join oldest o cross join walked w;
