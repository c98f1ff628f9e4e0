-- name: sampleActivity
-- The writes settled in each minute that starts at one of $1: at most $2 outcomes of it, in the order of their
-- settling, from which the rest is estimated. `lanes` has the number of writes of each lane. The id of a write shows
-- when it was made, by the clock of its node.
select m.began_at, s.*
from unnest($1::timestamptz[]) as m (began_at)
cross join lateral (
  with sample as materialized (
    select o.lane, o.result, o.settled_at, date_part('epoch', o.settled_at) * 1000 - d.made_ms as took_ms
    from sluice.outcome o
    cross join lateral (
      select ('x' || left(replace(o.write_id::text, '-', ''), 12))::bit(48)::bigint as made_ms) d
    where o.settled_at >= m.began_at and o.settled_at < m.began_at + interval '1 minute'
    order by o.settled_at limit $2)
  select count(*) as writes, count(*) filter (where result = 'refused') as refused,
         count(*) filter (where result = 'not_applied') as not_applied,
         percentile_cont(0.5) within group (order by took_ms) as p50_ms,
         percentile_cont(0.99) within group (order by took_ms) as p99_ms,
         coalesce(date_part('epoch', max(settled_at) - m.began_at) * 1000, 0) as span_ms,
         (select coalesce(jsonb_object_agg(l.lane, l.writes), '{}')
          from (select lane, count(*) as writes from sample group by lane) l) as lanes
  from sample) s;

-- name: sampleLanes
-- The writes that each lane has settled recently, in a minute or in the latest $1 outcomes: their rate, the size of
-- their batches, and the duration of such a batch from its start to its last outcome. The id of a batch shows its
-- start, by its writer's clock.
with latest as materialized (
  select o.lane, o.batch_id, o.settled_at
  from sluice.outcome o
  where o.settled_at >= statement_timestamp() - interval '1 minute'
  order by o.settled_at desc limit $1
),
span as materialized (
  select case when count(*) < $1 then 60
              else greatest(0.001, date_part('epoch', statement_timestamp() - min(settled_at))) end as seconds
  from latest
),
batch as materialized (
  select batch_id, count(*) as writes, array_agg(distinct lane) as lanes,
         date_part('epoch', max(settled_at)) * 1000
           - ('x' || left(replace(batch_id::text, '-', ''), 12))::bit(48)::bigint as took_ms
  from latest group by batch_id
),
by_lane as materialized (select lane, count(*) as writes from latest group by lane),
batch_lane as materialized (
  select b.lane, avg(t.writes)::double precision as batch_writes, avg(t.took_ms) as batch_ms
  from batch t cross join lateral unnest(t.lanes) as b (lane) group by b.lane
)
select l.lane, l.writes / s.seconds as rate, b.batch_writes, greatest(0, b.batch_ms) as batch_ms
from by_lane l cross join span s join batch_lane b on b.lane = l.lane
order by l.lane;

-- name: findWriteIds
-- Writes that an operator may mean by an id: of the write itself, of a document (a new one has the id of its write), or
-- of an awaited thing.
select w.write_id from (
  select write_id from sluice.intake where write_id = $1
  union select write_id from sluice.outcome where write_id = $1
  union select write_id from sluice.dead_letter where write_id = $1
  union (select write_id from sluice.intake where referential_id = $1 order by write_id limit $2)
  union (select write_id from sluice.intake where operation in ('update', 'delete') and document_id = $1 order by write_id limit $2)
  union (select write_id from sluice.awaited where awaited_id = $1 order by write_id limit $2)
  union (select write_id from sluice.dead_letter where document_id = $1 order by write_id limit $2)
  union (select write_id from sluice.dead_letter where referential_id = $1 order by write_id limit $2)
) w order by w.write_id limit $2;

-- name: findWriteIdsByKey
-- Writes with an idempotency key, of the first $2 clients: one index look-up for each, because the index has the client
-- first.
with recursive settled_client as (
  (select client, 1 as number from sluice.idempotency_key order by client limit 1)
  union all
  select k.client, c.number + 1 from settled_client c
  cross join lateral (
    select client from sluice.idempotency_key where client > c.client order by client limit 1) k
  where c.number < $2
),
waiting_client as (
  (select client, 1 as number from sluice.intake where idempotency_key is not null order by client limit 1)
  union all
  select k.client, c.number + 1 from waiting_client c
  cross join lateral (
    select client from sluice.intake where idempotency_key is not null and client > c.client order by client limit 1) k
  where c.number < $2
)
select write_id from (
  select k.write_id from settled_client c join sluice.idempotency_key k on k.client = c.client and k.key = $1
  union
  select i.write_id from waiting_client c join sluice.intake i on i.client = c.client and i.idempotency_key = $1
  union
  select d.write_id from sluice.dead_letter d where d.idempotency_key = $1
) w order by write_id limit $3;

-- name: readStuckBody
-- The body of a waiting write or a dead letter, as text; if it has more than $2 bytes, only the size.
select case when octet_length(b.body) <= $2 then b.body end as body, octet_length(b.body) as bytes
from (select body::text as body from sluice.intake where write_id = $1
      union all
      select body::text from sluice.dead_letter where write_id = $1
      limit 1) b;

-- name: countDeadLetters
-- The number of dead letters; counting ends at a limit.
select count(*) as writes from (select from sluice.dead_letter limit $1) d;
