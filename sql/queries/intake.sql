-- name: insertIntake
-- Inserts writes into the intake in the order of the arrays and hints the writers: one statement, one asynchronous
-- commit. The hint is part of it, because no flush happens under the notification lock (sql/README.md). $16, $19:
-- channels of the writes' lanes and their payloads; empty: no hint. $17: some writes may exist already, from an insert
-- whose answer was lost; ON CONFLICT would make every insert pay for that. $18 and $20 may be empty, because unnest
-- fills them up. $21: the statement leaves out a write whose idempotency key belongs to an earlier write, and returns
-- its id. Two nodes may insert writes of one key at the same moment: then the writer decides which is first.
with known as materialized (
  select w.write_id
  from unnest($1::uuid[], $11::text[], $12::text[]) as w (write_id, client, key)
  where $21 and w.key is not null
    and (exists (select from sluice.idempotency_key k
                 where k.client = w.client and k.key = w.key and k.write_id <> w.write_id offset 0)
      or exists (select from sluice.intake i
                 where i.client = w.client and i.idempotency_key = w.key and i.write_id <> w.write_id offset 0))
),
taken as (
  insert into sluice.intake
    (write_id, lane, operation, resource, document_id, referential_id, superclass_id, reference_ids, content_hash,
     if_match, client, idempotency_key, reference_deadline, node, body, traceparent, form)
  select write_id, lane, operation, resource, document_id, referential_id, superclass_id, reference_ids::uuid[],
         content_hash, if_match, client, idempotency_key, clock_timestamp() + wait * interval '1 second', node, body, traceparent, form
  from (
    select unnest($1::uuid[]) as write_id, unnest($2::smallint[]) as lane, unnest($3::text[]) as operation,
           unnest($4::text[]) as resource, unnest($5::uuid[]) as document_id, unnest($6::uuid[]) as referential_id,
           unnest($7::uuid[]) as superclass_id, unnest($8::text[]) as reference_ids, unnest($9::text[]) as content_hash,
           unnest($10::text[]) as if_match, unnest($11::text[]) as client, unnest($12::text[]) as idempotency_key,
           unnest($13::double precision[]) as wait, unnest($14::integer[]) as node, unnest($15::jsonb[]) as body,
           unnest($18::text[]) as traceparent, unnest($20::text[]) as form
  ) w
  where (not $17 or not exists (select from sluice.intake i where i.write_id = w.write_id offset 0))
    and write_id <> all(array(select known.write_id from known))
),
hinted as (
  select pg_notify('sluice_' || channel, lanes)::text as hint from unnest($16::text[], $19::text[]) as h (channel, lanes)
)
select write_id from known
union all
select null from hinted where hint is null;

-- name: limitTransaction
-- Limits a transaction of the caller before its write: after $1 milliseconds the server ends the session, because a
-- transaction that wrote to the intake holds the low-water marks of all lanes (sql/README.md). A shorter limit of the
-- caller stays. PostgreSQL 15 and 16 have no transaction_timeout: there only an idle transaction ends.
select set_config(name, $1::text, true)
from pg_settings
where name in ('transaction_timeout', 'idle_in_transaction_session_timeout')
  and (setting = '0' or setting::bigint > $1::bigint);

-- name: readReady
-- The first ready writes of each lane, in order of arrival over all lanes, without blocked writes. How long each has
-- waited would cost a tenth of the read, so one in sixteen has it, and those that are traced. $3: the low-water mark of
-- each lane, after which to read: below it are dead rows, of which an open transaction elsewhere may keep millions
-- (sql/README.md, low-water marks). $4: up to this position about a batch of writes is expected. Beyond it, each lane
-- is read for as many as are still missing; otherwise a whole batch of each lane would be read. Bodies are left out,
-- because each step would copy them. $5: the first row has the existing identities of all these documents and their
-- references, each followed by the id of its document. This spares the batch a round trip.
with near as materialized (
  select n.*
  from unnest($1::smallint[], $3::bigint[]) as l (lane, low)
  cross join lateral (
    select write_id, lane, position, operation, resource, document_id, referential_id, superclass_id, reference_ids,
           content_hash, if_match, client, idempotency_key, was_blocked, node, reference_deadline, accepted_at,
           traceparent, form
    from sluice.intake
    where intake.lane = l.lane and blocked_at is null and position > l.low and position <= $4::bigint
    order by position
    limit $2
  ) n
),
ready as materialized (
  select * from (
    select * from near
    union all
    select f.*
    from unnest($1::smallint[], $3::bigint[]) as l (lane, low)
    cross join lateral (
      select write_id, lane, position, operation, resource, document_id, referential_id, superclass_id, reference_ids,
             content_hash, if_match, client, idempotency_key, was_blocked, node, reference_deadline, accepted_at,
             traceparent, form
      from sluice.intake
      where intake.lane = l.lane and blocked_at is null and position > greatest(l.low, $4::bigint)
      order by position
      limit greatest($2 - (select count(*) from near), 0)
    ) f
  ) i
  order by position
  limit $2
)
select r.write_id, r.lane, r.position, r.operation, r.resource, r.document_id, r.referential_id, r.superclass_id,
       r.reference_ids, r.content_hash, r.if_match, r.client, r.idempotency_key, r.was_blocked, r.node,
       case when r.reference_deadline > clock_timestamp() then r.reference_deadline end as reference_deadline,
       case when r.position % 16 = 0 or r.traceparent is not null
            then date_part('epoch', statement_timestamp() - r.accepted_at) end as waited_seconds, r.traceparent, r.form,
       case when $5 and r.position = (select position from ready limit 1) then array(
         select unnest(array[a.referential_id, a.document_id]) from sluice.alias a
         where a.referential_id = any(array(
           select unnest(array[d.referential_id, d.superclass_id] || d.reference_ids) from ready d where d.form is null)))
       end as known
from ready r
order by r.position;

-- name: readWriting
-- Transactions that write to the intake at this moment: an insert holds the table's lock before it gets its positions,
-- and until all sessions see them (sql/README.md, low-water marks).
select coalesce(array_agg(virtualtransaction), '{}') as transactions, count(*)::integer as writing
from pg_locks
where locktype = 'relation' and relation = 'sluice.intake'::regclass and mode = 'RowExclusiveLock'
  and database = (select oid from pg_database where datname = current_database());

-- name: readWrites
-- The same for named writes: those of a batch that is tried again in parts, or ($2) blocked ones of a cycle.
select i.write_id, i.lane, i.position, i.operation, i.resource, i.document_id, i.referential_id, i.superclass_id,
       i.reference_ids, i.content_hash, i.if_match, i.client, i.idempotency_key, i.was_blocked, i.node,
       case when i.reference_deadline > clock_timestamp() then i.reference_deadline end as reference_deadline,
       case when i.position % 16 = 0 or i.traceparent is not null
            then date_part('epoch', statement_timestamp() - i.accepted_at) end as waited_seconds, i.traceparent, i.form,
       i.blocked_at is not null as is_blocked
from sluice.intake i
where i.write_id = any($1::uuid[]) and (i.blocked_at is null or $2)
order by i.position;

-- name: removeIntake
-- Deletes settled writes from the intake.
with removed as (delete from sluice.intake where write_id = any($1::uuid[]) returning 1)
select sluice.expect_rows(cardinality($1::uuid[]), (select count(*) from removed), 'intake');

-- name: readWaiting
-- Where are these writes? In the intake, settled, or neither: then a crash has lost them, and they are sent again. A
-- standby may not have them yet.
select w.write_id, i.write_id is not null or pg_is_in_recovery() as is_pending,
       o.result, o.code, o.resource, o.document_id, o.version, o.content_hash, o.detail,
       date_part('epoch', clock_timestamp() - o.settled_at) as settled_seconds
from unnest($1::uuid[]) as w (write_id)
left join lateral (select write_id from sluice.intake where write_id = w.write_id offset 0) i on true
left join lateral (select * from sluice.outcome where write_id = w.write_id offset 0) o on true;

-- name: findIdentity
-- The identity of a document by its id: committed, or of a write in the intake that will create the document with this
-- id.
select referential_id, superclass_id from sluice.document where document_id = $1 and resource = $2
union all
select referential_id, superclass_id from sluice.intake
where write_id = $1 and resource = $2 and operation = 'upsert'
limit 1;

-- name: readBodies
-- Bodies of writes in the intake, as text, in the order of $1, up to $2 bytes; the first may have $3, and is left out
-- if it has more. The last row is the one that did not fit: the bodies from its place on are still to be read.
with recursive slice as (
  select 0 as place, null::uuid as write_id, null::text as body, 0::bigint as total, true as is_read
  union all
  select s.place + 1, i.write_id, case when f.fits then i.body end, s.total + case when f.fits then i.bytes else 0 end,
         f.fits or s.total = 0 or i.bytes is null
  from slice s
  left join lateral (
    select t.write_id, t.body, octet_length(t.body) as bytes
    from (select write_id, body::text as body from sluice.intake where write_id = ($1::uuid[])[s.place + 1] offset 0) t
    offset 0) i on true
  cross join lateral (
    select coalesce(s.total + i.bytes <= $2::bigint or (s.total = 0 and i.bytes <= $3::bigint), false) as fits) f
  where s.is_read and s.place < cardinality($1::uuid[])
)
select place, write_id, body, is_read from slice where place > 0 order by place;

-- name: readGauge
-- What a node checks before it takes more writes: which lanes are led, and how far each is behind. Writes are not
-- counted: the distance is the number of positions given since that of the oldest ready write, which the lane would
-- have to drain if all were its own. Writes that were blocked keep the position and the time of their arrival, so they
-- do not count. $1, $2: low-water marks of these lanes, after which to read. `front`: where to start the next time.
with given as materialized (
  select coalesce(pg_sequence_last_value('sluice.intake_position_seq'::regclass), 0) as position
)
select l.lane, l.lane::integer = any((select sluice.led_lanes())::integer[]) as is_led,
       extract(epoch from clock_timestamp() - greatest(l.led_since, l.left_at)) as changed_seconds,
       (select position from given) - o.position as behind,
       extract(epoch from clock_timestamp() - o.accepted_at) as oldest_seconds,
       case when o.looked_at = 0 then (select position from given) else o.first - 1 end as front
from sluice.lane l
left join unnest($1::smallint[], $2::bigint[]) as b (lane, low) on b.lane = l.lane
cross join lateral (
  select min(f.position) filter (where not f.was_blocked) as position,
         min(f.accepted_at) filter (where not f.was_blocked) as accepted_at,
         min(f.position) as first, count(*) as looked_at
  from (select position, accepted_at, was_blocked from sluice.intake i
        where i.lane = l.lane and i.blocked_at is null and i.position > coalesce(b.low, 0)
        order by position limit 64) f
) o;

-- name: readArrival
-- The present end of arrival: every accepted write has a position up to this one.
select coalesce(pg_sequence_last_value('sluice.intake_position_seq'::regclass), 0) as position;

-- name: flush
-- Makes everything durable that is committed by now: a transaction that writes to the WAL and waits for its flush.
select pg_logical_emit_message(true, 'sluice', '') is not null as flushed;
