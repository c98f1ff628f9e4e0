-- name: readClock
-- The database's clock: ages and spans are told by it, never by a client's.
select clock_timestamp() as now;

-- name: measureBatches
-- How many batches have settled writes since a time, and how many writes each of them.
with batch as (
  select count(*) as writes from sluice.outcome where settled_at >= $1::timestamptz group by batch_id
)
select count(*) as batches, coalesce(sum(writes), 0)::bigint as writes, coalesce(avg(writes), 0)::double precision as mean,
       coalesce(percentile_disc(0.5) within group (order by writes), 0)::bigint as median, coalesce(max(writes), 0) as max
from batch;

-- name: countResults
-- What the writes that were settled since a time came to.
select result, count(*) as writes from sluice.outcome where settled_at >= $1::timestamptz group by result;
