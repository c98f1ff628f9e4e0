-- name: listLanes
-- The leader of each lane, its waiting writes and the reasons.
select * from sluice.lane_status order by lane;

-- name: findLanes
-- The same for some lanes.
select * from sluice.lane_status where lane = any($1::smallint[]) order by lane;

-- name: readLeadership
-- The same without counting waiting writes.
select lane, reason, is_led, term, writer_id, host, process_id, led_since, leaderless_since, paused_at, paused_by,
       retry_error, retry_attempt, retry_since, retry_next_at, suspect_since,
       is_locked_by_stranger, stranger_pid, stranger_application, stranger_role, stranger_since
from sluice.lane_status where lane = any($1::smallint[]) order by lane;

-- name: listWriters
-- Writers: living ones first, then the most recent ones.
select * from sluice.writer_status order by is_alive desc, started_at desc, writer_id limit $1;

-- name: listSessions
-- Sessions that share the lanes, leading ones first: how many lanes each leads, how many sessions each wants to lead,
-- and why. Sessions of earlier versions have no demand.
select s.pid, w.writer_id, w.host, w.process_id, s.lanes, s.wanted_sessions, s.load, s.busy_percent
from (
  select pid, null::uuid as writer_id, lanes, wanted_sessions, load, busy_percent from sluice.lane_session
  union all
  select null, writer_id, lanes, wanted_sessions, load, busy_percent from sluice.lease_session
  where alive_until > clock_timestamp()
) s
left join sluice.writer w on w.writer_id = s.writer_id or s.pid = any(w.session_pids)
order by s.lanes desc, w.started_at, s.pid;

-- name: listStuck
-- Writes that were not settled by a time, oldest first, a page after the last one of the previous page. $9: waiting
-- writes were accepted by then; dead letters are listed at any age.
select *, extract(epoch from clock_timestamp() - accepted_at)::double precision as age_seconds
from sluice.stuck_write
where write_id > $1::uuid
  and ($2::timestamptz is null or accepted_at <= $2)
  and ($3::smallint is null or lane = $3)
  and ($4::text is null or client = $4)
  and ($5::text is null or resource = $5)
  -- The state is at hand, the reason has to be looked up.
  and ($6::text is null
       or state = case when $6 in ('blocked', 'dead_letter') then $6 when $6 = 'locked' then 'blocked' else 'ready' end
          and reason = $6)
  and ($7::text is null or error_code = $7)
  and ($9::timestamptz is null or state = 'dead_letter' or accepted_at <= $9)
order by write_id
limit $8;

-- name: countStuck
-- Their number for each reason, and how long the oldest has waited; counting ends at a limit.
select reason, count(*) as writes, count(*) filter (where reference_deadline > clock_timestamp()) as within_deadline,
       max(extract(epoch from clock_timestamp() - accepted_at))::double precision as oldest_seconds
from (
  select reason, accepted_at, reference_deadline from sluice.stuck_write
  where ($1::timestamptz is null or accepted_at <= $1)
    and ($2::smallint is null or lane = $2)
    and ($3::text is null or client = $3)
    and ($4::text is null or resource = $4)
    and ($5::text is null
         or state = case when $5 in ('blocked', 'dead_letter') then $5 when $5 = 'locked' then 'blocked' else 'ready' end
            and reason = $5)
    and ($6::text is null or error_code = $6)
  limit $7) s
group by reason;

-- name: findStuck
-- The same, for named writes.
select *, extract(epoch from clock_timestamp() - accepted_at)::double precision as age_seconds
from sluice.stuck_write where write_id = any($1::uuid[]) order by write_id;

-- name: findLockHolders
-- The sessions that hold locks on rows that these writes may wait for, the oldest transaction first; without leaders of
-- lanes, because a batch holds its rows for a moment only.
select h.write_id, h.pid, coalesce(a.application_name, '') as application_name, a.xact_start as since
from sluice.lock_holders($1::uuid[]) h
left join pg_stat_activity a on a.pid = h.pid
where h.pid <> all(array(select session_pid from sluice.lane where session_pid is not null))
order by h.write_id, a.xact_start, h.pid;

-- name: readAwaitedStatus
-- Some of the things that each of these blocked writes awaits; those that no client has submitted come first.
select s.*
from unnest($1::uuid[]) as w (write_id)
cross join lateral (
  select * from sluice.awaited_status a where a.write_id = w.write_id
  order by a.provider_id is not null, a.since, a.awaited_id limit $2) s;

-- name: readChain
-- The things that a blocked write awaits, and what these await in turn.
select * from sluice.blocked_chain where write_id = $1 order by depth, since, awaited_id;

-- name: readSettlement
-- The outcome of a write of any client.
select write_id, result, code, resource, document_id, version, content_hash, detail, client, lane, settled_at
from sluice.outcome where write_id = $1;

-- name: readAudit
-- The actions of operators, the latest first, a page before the last entry of the previous page.
select audit_id, done_at, actor, database_role, action, target, writes, write_ids, detail
from sluice.audit where audit_id < $1 order by audit_id desc limit $2;

-- name: recordAction
-- Records an action of an operator, in the transaction of the action.
insert into sluice.audit (action, actor, target, writes, write_ids, detail)
values ($1, $2, $3, cardinality($4::uuid[]), $4, $5::jsonb);

-- name: pauseLanes
-- Pauses lanes: from now on no batch settles their writes. It waits for a batch under way, as the fence does.
with mine as (
  select lane from sluice.lane where lane = any($1::smallint[]) and paused_at is null order by lane for no key update
),
paused as (
  update sluice.lane l set paused_at = statement_timestamp(), paused_by = $2 from mine where l.lane = mine.lane
  returning l.lane
),
noted as (
  insert into sluice.audit (action, actor, target) select 'pause', $2, 'lane ' || lane from paused order by lane
)
select lane from paused order by lane;

-- name: resumeLanes
-- Resumes paused lanes.
with mine as (
  select lane from sluice.lane where lane = any($1::smallint[]) and paused_at is not null order by lane for no key update
),
resumed as (
  update sluice.lane l set paused_at = null, paused_by = null from mine where l.lane = mine.lane returning l.lane
),
noted as (
  insert into sluice.audit (action, actor, target) select 'resume', $2, 'lane ' || lane from resumed order by lane
)
select lane from resumed order by lane;

-- name: requestDrain
-- Asks a writer to give up its lanes and to end.
with asked as (
  update sluice.writer set drain_requested_at = statement_timestamp()
  where writer_id = $1 and drain_requested_at is null and stopped_at is null
  returning writer_id, host, process_id
),
noted as (
  insert into sluice.audit (action, actor, target)
  select 'drain', $2, 'writer ' || writer_id from asked
)
select writer_id from asked;

-- name: judgeRedrive
-- What a retry of these dead letters would do: is the document unchanged, and does no write to it wait in the intake?
select w.write_id, d.write_id is not null as is_dead_letter,
       (f.document_id, f.version) is distinct from (d.found_document_id, d.found_version) as has_changed,
       exists (select from sluice.intake i where i.referential_id = d.referential_id) as is_pending
from unnest($1::uuid[]) as w (write_id)
left join sluice.dead_letter d on d.write_id = w.write_id
left join lateral (
  select c.document_id, c.version from sluice.alias x join sluice.document c on c.document_id = x.document_id
  where d.operation = 'upsert' and x.referential_id = d.referential_id
  union all
  select c.document_id, c.version from sluice.document c
  where d.operation in ('update', 'delete') and c.document_id = d.document_id) f on true;

-- name: redriveWrites
-- Makes new writes of dead letters, in the order of their first arrival, unless their document has changed or is about
-- to ($3: in any case). A new write that is not forced is valid only for the present document.
with judged as (
  select n.new_id, d.write_id, f.content_hash as found_hash,
         case when $3 then null
              when exists (select from sluice.intake i where i.referential_id = d.referential_id) then 'document_pending'
              when (f.document_id, f.version) is distinct from (d.found_document_id, d.found_version)
                then 'document_changed' end as refusal
  from unnest($1::uuid[], $2::uuid[]) as n (write_id, new_id)
  join sluice.dead_letter d on d.write_id = n.write_id
  left join lateral (
    select c.document_id, c.version, c.content_hash
    from sluice.alias x join sluice.document c on c.document_id = x.document_id
    where d.operation = 'upsert' and x.referential_id = d.referential_id
    union all
    select c.document_id, c.version, c.content_hash from sluice.document c
    where d.operation in ('update', 'delete') and c.document_id = d.document_id) f on true
),
taken as (
  delete from sluice.dead_letter d using judged j where d.write_id = j.write_id and j.refusal is null
  returning d.*, j.new_id, j.found_hash
),
redriven as (
  insert into sluice.intake
    (write_id, lane, operation, resource, document_id, referential_id, superclass_id, reference_ids, content_hash,
     if_match, client, node, form, body)
  select new_id, lane, operation, resource, case when operation in ('update', 'delete') then document_id else new_id end,
         referential_id, superclass_id, reference_ids, content_hash,
         case when not $3 then coalesce(if_match, found_hash) end, client, 0, form, body
  from taken order by accepted_at, write_id
),
noted as (
  insert into sluice.audit (action, actor, target, writes, write_ids, detail)
  select 'retry', $4, $5, count(*), array_agg(write_id order by write_id), $6::jsonb from taken having count(*) > 0
)
select n.write_id, t.new_id, case when t.write_id is null then coalesce(j.refusal, 'not_a_dead_letter') end as refusal
from unnest($1::uuid[]) as n (write_id)
left join judged j on j.write_id = n.write_id
left join taken t on t.write_id = n.write_id;

-- name: discardDeadLetters
-- Deletes dead letters; their outcome stays.
with gone as (delete from sluice.dead_letter where write_id = any($1::uuid[]) returning write_id),
noted as (
  insert into sluice.audit (action, actor, target, writes, write_ids, detail)
  select 'discard', $2, $3, count(*), array_agg(write_id order by write_id), $4::jsonb from gone having count(*) > 0
)
select write_id from gone;

-- name: readBlockers
-- The sessions that block a session: they hold the lock that it wants, or wait for it first. A prepared transaction has
-- no process.
select nullif(b.pid, 0) as pid, coalesce(a.application_name, '') as application, coalesce(a.usename::text, '') as role,
       coalesce(a.xact_start, a.backend_start) as since
from (select distinct unnest(pg_blocking_pids($1::integer)) as pid) b left join pg_stat_activity a on a.pid = b.pid
order by 1 limit 10;

-- name: readRowTexts
-- Values of the rows of waiting writes and dead letters, as texts: those at $2, a JSON array of names and paths; of an
-- array, the first $3 rows.
select b.write_id, e.place::integer,
       case when jsonb_typeof(b.body) = 'array' then jsonb_array_length(b.body) else 1 end as rows,
       (select jsonb_object_agg(p.value ->> 'name', e.value #>> p.path)
        from (select v.value, array(select jsonb_array_elements_text(v.value -> 'path')) as path
              from jsonb_array_elements($2::jsonb) as v) p
        where e.value #>> p.path is not null) as texts
from (select write_id, body from sluice.intake where write_id = any($1::uuid[])
      union all
      select write_id, body from sluice.dead_letter where write_id = any($1::uuid[])) b
cross join lateral jsonb_array_elements(case when jsonb_typeof(b.body) = 'array' then b.body else jsonb_build_array(b.body) end)
  with ordinality as e (value, place)
where e.place <= $3
order by b.write_id, e.place;
