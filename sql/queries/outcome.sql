-- name: readOutcomes
-- The existing outcomes of these writes. One in sixteen has its age, for metrics.
select write_id, result, code, resource, document_id, version, content_hash, detail,
       case when ordinal % 16 = 0 then date_part('epoch', clock_timestamp() - settled_at) end as settled_seconds
from sluice.outcome
where write_id = any($1::uuid[]);

-- name: readWriteStates
-- Writes of one client: settled, or their place and what they await, up to 200 things each. An insert that was given up
-- may arrive after its own outcome, which is what counts.
select o.write_id, 'settled' as state, o.result, o.code, o.resource, o.document_id, o.version, o.content_hash, o.detail,
       o.settled_at, null::timestamptz as accepted_at, null::timestamptz as blocked_at, null::jsonb as awaits
from sluice.outcome o
where o.write_id = any($1::uuid[]) and o.client = $2
union all
select i.write_id, case when i.blocked_at is null then 'ready' else 'blocked' end, null, null, i.resource,
       i.document_id, null, null, null, null, i.accepted_at, i.blocked_at, w.awaits
from sluice.intake i
left join lateral (
  select jsonb_agg(jsonb_build_object(
           'awaitedId', a.awaited_id,
           'since', a.since,
           'kind', case when a.awaited_id = any(i.reference_ids) then 'reference' else 'predecessor' end,
           'isPending', exists (
             select from sluice.intake p
             where p.referential_id = a.awaited_id and p.operation <> 'delete' and p.write_id <> i.write_id
             union all
             select from sluice.intake p
             where p.superclass_id = a.awaited_id and p.operation <> 'delete' and p.write_id <> i.write_id
             union all
             select from sluice.intake p where p.write_id = a.awaited_id))
           order by a.since, a.awaited_id) as awaits
  from (select awaited_id, since from sluice.awaited
        where write_id = i.write_id and i.blocked_at is not null
        order by since, awaited_id limit 200) a
) w on true
where i.write_id = any($1::uuid[]) and i.client = $2
  and not exists (select from sluice.outcome o where o.write_id = i.write_id offset 0);

-- name: findKeys
-- The writes of these clients' idempotency keys, by the keys' places: settled (without a result: retention has deleted
-- the outcome), or under way, with a lane.
select w.place::integer, f.*
from unnest($1::text[], $2::text[]) with ordinality as w (client, key, place)
cross join lateral (
  select k.write_id, k.fingerprint, null::smallint as lane,
         o.result, o.code, o.resource, o.document_id, o.version, o.content_hash, o.detail
  from (select write_id, fingerprint from sluice.idempotency_key where client = w.client and key = w.key offset 0) k
  left join lateral (select * from sluice.outcome where write_id = k.write_id offset 0) o on true
  union all
  (select i.write_id,
         i.operation || ' ' || i.resource || ' ' || case when i.operation in ('update', 'delete') then i.document_id::text else '' end
           || ' ' || i.content_hash,
         i.lane, null, null, i.resource, null, null, null, null
  from sluice.intake i
  where i.client = w.client and i.idempotency_key = w.key
  order by i.position
  limit 1)
  limit 1
) f;

-- name: forgetOutcomes
-- Deletes outcomes past their retention, which counts from their settling, by the database's clock. A trigger deletes
-- their idempotency keys in the same statement.
delete from sluice.outcome
where write_id = any(array(
  select write_id from sluice.outcome
  where settled_at < statement_timestamp() - $1 * interval '1 hour' order by settled_at limit $2))
returning 1;

-- name: cancelWrites
-- The final outcomes of writes at the end of their wait: cancelled, or an earlier one.
select * from sluice.cancel_writes($1::uuid, $2::uuid[], $3::smallint[], $4::text[], $5::text[]);
