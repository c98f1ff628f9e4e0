-- name: blockWrites
-- Blocks writes until the things that they await have changed. Only the leader of their lane blocks and wakes them
-- (docs/blocked-writes.md). $2: another leader, which settles a cycle, only changes what blocked writes await: it fails
-- if one of them is ready again.
with blocked as (
  update sluice.intake set blocked_at = coalesce(blocked_at, c.now), was_blocked = true
  from (select statement_timestamp() as now) c
  where write_id = any($1::uuid[]) and (blocked_at is not null or not $2)
  returning 1
)
select sluice.expect_rows(cardinality($1::uuid[]), (select count(*) from blocked), 'blocked');

-- name: addAwaited
-- Records the things that each blocked write awaits.
insert into sluice.awaited (write_id, awaited_id, lane)
select * from unnest($1::uuid[], $2::uuid[], $3::smallint[])
on conflict (awaited_id, write_id) do nothing;

-- name: noteLockers
-- Which transactions $2 hold the locks that the writes $1 await. A row that names its transaction already stays as it is, because each
-- retry of a locked write comes here.
update sluice.awaited a set locker = g.locker::xid
from unnest($1::uuid[], $2::text[]) as g (write_id, locker)
where a.awaited_id = g.write_id and a.write_id = g.write_id and a.awaited_id = any($1::uuid[]) and a.write_id = any($1::uuid[])
  and a.locker is distinct from g.locker::xid;

-- name: removeAwaited
-- Deletes the awaited things of settled writes.
delete from sluice.awaited where write_id = any($1::uuid[]);

-- name: noteFailures
-- Records why the things that blocked writes of these lanes await do not come, if known: at most $4 rows, because many
-- writes may await one id.
with changed as materialized (
  select a.awaited_id, a.write_id, g.failure
  from unnest($1::uuid[], $2::text[]) as g (awaited_id, failure)
  join sluice.awaited a on a.awaited_id = g.awaited_id
  where a.lane = any($3::smallint[]) and (a.failure is null or g.failure <> '') and a.failure is distinct from g.failure
  limit $4
)
update sluice.awaited a set failure = c.failure
from changed c
where a.awaited_id = c.awaited_id and a.write_id = c.write_id
returning a.awaited_id;

-- name: wakeAwaiting
-- Wakes blocked writes of these lanes because awaited things have changed. $1: met, the identity exists or the earlier
-- write is settled; a write wakes when nothing is left that it awaits. $2: gone; a write that may not wait longer wakes
-- to be answered. A row wakes, too, because only its table knows whether its parent exists. Between such wakes it
-- pauses for an eighth of its wait so far, at least 100 ms. Returns how many woke, which ids are awaited in which other
-- lanes (their leaders wake those), and whether there are more: at most $4 of each kind, because hundreds of thousands
-- may await one id. Most ids are awaited by no write, so that is checked first, once.
with met_ids as materialized (
  select distinct awaited_id, lane from sluice.awaited where awaited_id = any($1::uuid[])
),
gone_ids as materialized (
  select distinct awaited_id, lane from sluice.awaited where awaited_id = any($2::uuid[])
),
met as materialized (
  select ctid as place, awaited_id, write_id from sluice.awaited
  where awaited_id = any(array(select awaited_id from met_ids)) and lane = any($3::smallint[])
  limit $4
),
removed as (
  delete from sluice.awaited where ctid = any(array(select place from met))
),
hopeless as materialized (
  select a.write_id from sluice.awaited a
  cross join lateral (
    select blocked_at, reference_deadline, accepted_at, form from sluice.intake where write_id = a.write_id offset 0) i
  where a.awaited_id = any(array(select awaited_id from gone_ids)) and a.lane = any($3::smallint[])
    and i.blocked_at is not null
    and (i.reference_deadline is null or i.reference_deadline <= clock_timestamp()
      or i.form is not null
        and clock_timestamp() - i.blocked_at > greatest('100 ms'::interval, (i.blocked_at - i.accepted_at) / 8))
  limit $4
),
free as (
  select m.write_id from met m
  cross join lateral (select blocked_at from sluice.intake where write_id = m.write_id offset 0) i
  where i.blocked_at is not null and not exists (
    select from sluice.awaited a
    where a.write_id = m.write_id and a.awaited_id <> all(array(select awaited_id from met_ids)) offset 0)
  union
  select write_id from hopeless
),
woken as (
  update sluice.intake set blocked_at = null where write_id = any(array(select write_id from free))
  returning position
)
select (select count(*) from woken) as woken, (select min(position) from woken) as woken_from,
       greatest((select count(*) from met), (select count(*) from hopeless)) = $4 as has_more,
       array(select awaited_id from met_ids where lane <> all($3::smallint[])
             union
             select awaited_id from gone_ids where lane <> all($3::smallint[])) as elsewhere,
       array(select lane from met_ids where lane <> all($3::smallint[])
             union
             select lane from gone_ids where lane <> all($3::smallint[])) as elsewhere_lanes;

-- name: lookAwaited
-- Which of these awaited ids have changed? Met: the identity exists. Gone: no write in the intake has that name,
-- neither one that provides the identity nor an earlier write; the end of an earlier write is what was awaited.
select a.awaited_id, c.is_met, c.is_gone,
       c.is_gone and exists (select from sluice.outcome o where o.write_id = a.awaited_id offset 0) as is_settled_write
from unnest($1::uuid[]) as a (awaited_id)
cross join lateral (
  select exists (select from sluice.alias x where x.referential_id = a.awaited_id) as is_met,
         not exists (
           select from sluice.intake p where p.referential_id = a.awaited_id and p.operation <> 'delete'
           union all
           select from sluice.intake p where p.superclass_id = a.awaited_id and p.operation <> 'delete'
           union all
           select from sluice.intake p where p.write_id = a.awaited_id) as is_gone
  offset 0
) c
where c.is_met or c.is_gone;

-- name: nextAwaited
-- The next slice of the things that blocked writes of these lanes await, in the order of the ids, for the scan without
-- hints.
select awaited_id, write_id, lane from sluice.awaited
where (awaited_id, write_id) > ($2::uuid, $3::uuid) and lane = any($1::smallint[])
order by awaited_id, write_id
limit $4;

-- name: expireReferenceDeadlines
-- Blocked writes of these lanes whose deadline has passed no longer wait for documents that no client has submitted.
-- They are found by an index of the deadlines alone. A row that another transaction has locked is left for the next
-- time.
update sluice.intake set blocked_at = null, reference_deadline = null
where write_id = any(array(
  select write_id from sluice.intake
  where blocked_at is not null and reference_deadline <= statement_timestamp() and lane + 0 = any($1::smallint[])
  for update skip locked))
returning position;

-- name: readFailures
-- Why the things that these writes awaited did not come.
select write_id, awaited_id, failure from sluice.awaited where write_id = any($1::uuid[]) and failure is not null;

-- name: findAwaitedWrites
-- Which of these blocked writes are awaited themselves: only those can be part of a cycle.
select i.write_id
from unnest($1::uuid[]) as w (write_id)
cross join lateral (
  select write_id, referential_id, superclass_id, blocked_at from sluice.intake where write_id = w.write_id offset 0) i
where i.blocked_at is not null
  and exists (select from sluice.awaited a where a.awaited_id in (i.referential_id, i.superclass_id, i.write_id) offset 0);

-- name: readEdges
-- The things that these blocked writes await, and for each the first write in the intake that would provide it, if any.
select a.write_id, a.awaited_id, a.lane,
       exists (select from sluice.alias x where x.referential_id = a.awaited_id) as is_met,
       p.write_id as provider_id, p.is_blocked
from sluice.awaited a
left join lateral (
  select write_id, position, blocked_at is not null as is_blocked from sluice.intake
  where referential_id = a.awaited_id and operation <> 'delete'
  union all
  select write_id, position, blocked_at is not null from sluice.intake
  where superclass_id = a.awaited_id and operation <> 'delete'
  union all
  select write_id, position, blocked_at is not null from sluice.intake where write_id = a.awaited_id
  order by position
  limit 1
) p on true
where a.write_id = any($1::uuid[]);

-- name: countBlocked
-- The number of blocked writes of a client, up to a limit.
select count(*) as blocked
from (select from sluice.intake where client = $1 and blocked_at is not null limit $2) b;
