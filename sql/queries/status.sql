-- name: readClock
-- The database's clock: ages and durations count by it, never by a client's.
select clock_timestamp() as now;

-- name: measureBatches
-- How many batches have settled writes since a time, and how many writes each.
with batch as (
  select count(*) as writes from sluice.outcome where settled_at >= $1::timestamptz group by batch_id
)
select count(*) as batches, coalesce(sum(writes), 0)::bigint as writes, coalesce(avg(writes), 0)::double precision as mean,
       coalesce(percentile_disc(0.5) within group (order by writes), 0)::bigint as median, coalesce(max(writes), 0) as max
from batch;

-- name: countResults
-- The results of the writes that were settled since a time.
select result, count(*) as writes from sluice.outcome where settled_at >= $1::timestamptz group by result;

-- name: countStored
-- The content of the database: counted up to a limit, and estimated beyond it from the last ANALYZE.
select d.n as documents, r.n as references, d.is_estimated or r.is_estimated as is_estimated,
       (select count(*) from sluice.dead_letter) as dead_letters
from (
  select case when c.n < $1 then c.n else greatest(c.n, e.n) end as n, c.n >= $1 as is_estimated
  from (select count(*) as n from (select 1 from sluice.document limit $1) x) c,
       (select greatest(reltuples, 0)::bigint as n from pg_class where oid = 'sluice.document'::regclass) e) d,
  (select case when c.n < $1 then c.n else greatest(c.n, e.n) end as n, c.n >= $1 as is_estimated
   from (select count(*) as n from (select 1 from sluice.reference limit $1) x) c,
        (select greatest(reltuples, 0)::bigint as n from pg_class where oid = 'sluice.reference'::regclass) e) r;

-- name: countSettled
-- How many writes were settled since the server's counters began; two readings give a rate.
select n_tup_ins as settled from pg_stat_user_tables where relid = 'sluice.outcome'::regclass;
