-- As few sessions lead lanes as keep up with the load. Each shows the others how many it wants to lead, and why: by the
-- second key of a shared lock, or in its lease.

-- Sessions that share the lanes: each holds the lock of its own process id. What others lock with that first key is nobody's.
-- `lanes` are those whose locks it holds. Sessions of earlier versions want nothing: they take an even share.
create or replace view sluice.lane_session as
with held as materialized (
  select k.classid, k.objid::integer as key, k.pid, k.mode from pg_catalog.pg_locks k
  where k.locktype = 'advisory' and k.classid in (1936486757, 1936486758, 1936486759) and k.objsubid = 2 and k.granted
    and k.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
),
shown as (
  select h.pid, count(*) filter (where h.classid = 1936486757)::integer as lanes,
         max(h.key) filter (where h.classid = 1936486759) as demand
  from held h group by h.pid
  having bool_or(h.classid = 1936486758 and h.key = h.pid and h.mode = 'ExclusiveLock')
)
select s.pid, s.lanes, s.demand / 10000 as wanted_sessions,
       (array['quiet', 'busy', 'full', 'slow', 'even'])[s.demand / 1000 % 10 + 1] as load, s.demand % 1000 as busy_percent
from shown s;

alter table sluice.lease_session
  add column joined_at timestamptz not null default clock_timestamp(),
  add column lanes integer not null default 0,
  add column wanted_sessions integer,
  add column load text,
  add column busy_percent integer;
