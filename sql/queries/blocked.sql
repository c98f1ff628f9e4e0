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
