-- name: registerWriter
-- Records that a writer process lives.
insert into sluice.writer (writer_id, host, process_id, version) values ($1, $2, $3, $4)
on conflict (writer_id) do update set seen_at = excluded.seen_at;

-- name: retireWriter
-- Records that a writer process stops in order.
update sluice.writer set stopped_at = statement_timestamp(), seen_at = statement_timestamp() where writer_id = $1;

-- name: forgetWriters
-- Deletes rows of writers that were last seen before the retention.
delete from sluice.writer w
where w.seen_at < statement_timestamp() - $1 * interval '1 hour'
  and not exists (select from sluice.lane l where l.writer_id = w.writer_id);

-- name: isBackendWorking
-- Does this backend run a statement, behind a pooler in the transaction that began then ($2)? If not, it has answered, or has ended.
select exists (
  select from pg_stat_activity where pid = $1 and state = 'active' and ($2::timestamptz is null or xact_start = $2)
) as is_working;

-- name: findBlocker
-- The transaction that this backend waits for at the moment, if that transaction has an id.
select k.transactionid::text as locker
from pg_locks k
where k.locktype = 'transactionid' and k.mode = 'ExclusiveLock' and k.granted and k.pid = any((select pg_blocking_pids($1))::int[])
limit 1;

-- name: noteClock
-- Records how far the clock of a process is ahead of the database's.
insert into sluice.process_clock (clock_id, kind, host, process_id, ahead_ms) values ($1, $2, $3, $4, $5)
on conflict (clock_id) do update set ahead_ms = excluded.ahead_ms, measured_at = excluded.measured_at;

-- name: forgetClocks
-- Deletes clocks that were not measured for an hour.
delete from sluice.process_clock where measured_at < statement_timestamp() - interval '1 hour';

-- name: readNodeSessions
-- In which databases of this server do nodes have sessions? Every role may see this.
select distinct datname, application_name from pg_stat_activity where application_name like 'sluice node%';

-- name: hasWork
-- Does a write of any kind wait here? Then a writer has work, even if no node is connected.
select exists (select from sluice.intake) as has_work;
