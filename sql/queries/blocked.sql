-- name: blockWrites
-- Sets writes aside until what they await has changed. Only the leader of their lane does this, and only it wakes
-- them (docs/blocked-writes.md).
with blocked as (
  update sluice.intake set blocked_at = coalesce(blocked_at, clock_timestamp()), was_blocked = true
  where write_id = any($1::uuid[])
  returning 1
)
select sluice.expect_rows(cardinality($1::uuid[]), (select count(*) from blocked), 'blocked');

-- name: addAwaited
-- What each of them awaits.
insert into sluice.awaited (write_id, referential_id, lane)
select * from unnest($1::uuid[], $2::uuid[], $3::smallint[])
on conflict (referential_id, write_id) do nothing;

-- name: removeAwaited
-- Settled writes await nothing.
delete from sluice.awaited where write_id = any($1::uuid[]);

-- name: wakeBlocked
-- Makes blocked writes of these lanes ready again if something they await has changed: the identity exists, nobody
-- provides it any more and they may not wait on, or the write they stand behind is blocked no longer. With them wake
-- the blocked writes they wait for, so that a cycle meets in one batch.
with recursive stirred as (
  select a.write_id
  from sluice.awaited a
  join sluice.intake b on b.write_id = a.write_id
  where a.lane = any($1::smallint[])
    and (
      exists (select from sluice.alias x where x.referential_id = a.referential_id)
      or case
        when exists (select from sluice.intake p where p.write_id = a.referential_id)
          then exists (select from sluice.intake p where p.write_id = a.referential_id and p.blocked_at is null)
        else (b.reference_deadline is null or b.reference_deadline <= clock_timestamp())
          and not exists (
            select from sluice.intake p
            where p.referential_id = a.referential_id and p.operation <> 'delete' and p.write_id <> a.write_id)
          and not exists (
            select from sluice.intake p
            where p.superclass_id = a.referential_id and p.operation <> 'delete' and p.write_id <> a.write_id)
      end
    )
  union
  select p.write_id
  from stirred s
  join sluice.awaited a on a.write_id = s.write_id
  join sluice.intake p
    on (p.referential_id = a.referential_id or p.superclass_id = a.referential_id or p.write_id = a.referential_id)
   and p.blocked_at is not null and p.lane = any($1::smallint[])
),
woken as (
  update sluice.intake i set blocked_at = null
  from stirred s
  where i.write_id = s.write_id and i.blocked_at is not null
  returning 1
)
select count(*) as woken from woken;
