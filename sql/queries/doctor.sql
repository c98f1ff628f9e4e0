-- name: readServer
-- The server: its version, its settings, and how full it is.
select current_setting('server_version_num')::integer as version, current_setting('server_version') as version_text,
       current_setting('server_encoding') as encoding, pg_is_in_recovery() as is_standby,
       current_setting('transaction_read_only') = 'on' as is_read_only,
       current_setting('fsync') = 'on' as has_fsync,
       current_setting('full_page_writes') = 'on' as has_full_page_writes,
       -- What sessions have that do not set it themselves, as ours do.
       (select reset_val from pg_settings where name = 'synchronous_commit') as synchronous_commit,
       current_setting('autovacuum') = 'on' and current_setting('track_counts') = 'on' as has_autovacuum,
       current_setting('log_lock_waits') = 'on' as has_log_lock_waits,
       current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
         as connections_max,
       (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
       pg_notification_queue_usage() as notification_queue,
       (select age(datfrozenxid) from pg_database where datname = current_database()) as transaction_age,
       pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees_all_sessions;

-- name: readCitus
-- The version of Citus, if the database has it; the tables of the deployment that it distributes, on which it puts this
-- trigger; and whether the schema has a home (sql/citus.sql).
select (select extversion from pg_extension where extname = 'citus') as version,
       array(select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
             join pg_trigger t on t.tgrelid = c.oid join pg_proc p on p.oid = t.tgfoid
             where n.nspname = 'sluice' and p.proname = 'citus_truncate_trigger' order by c.relname) as distributed,
       exists (select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
               where p.proname = 'find_home' and n.nspname = 'sluice') as has_home;

-- name: findOldTransactions
-- Sessions whose snapshot or transaction keeps VACUUM from removing rows, the oldest first.
select pid, coalesce(application_name, '') as application_name, coalesce(state, '') as state,
       extract(epoch from clock_timestamp() - xact_start)::double precision as seconds
from pg_stat_activity
where (backend_xmin is not null or backend_xid is not null) and pid <> pg_backend_pid()
  and backend_type in ('client backend', 'walsender') and xact_start < clock_timestamp() - $1 * interval '1 second'
order by xact_start limit 10;

-- name: findIdleSlots
-- Replication slots that are unused, or that keep VACUUM from removing rows: the log they keep, in bytes.
select slot_name, active as is_active, coalesce(wal_status, '') as wal_status,
       coalesce(greatest(age(xmin), 0), 0) as transactions,
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint as bytes
from pg_replication_slots
where (not active or age(xmin) > $1) and not pg_is_in_recovery()
order by slot_name limit 10;

-- name: findPreparedTransactions
-- Transactions that were prepared and neither committed nor rolled back.
select gid, extract(epoch from clock_timestamp() - prepared)::double precision as seconds
from pg_prepared_xacts
where database = current_database() and prepared < clock_timestamp() - $1 * interval '1 second'
order by prepared limit 10;

-- name: findBloat
-- Tables of Sluice in which dead rows outnumber the living ones.
select relname as name, n_dead_tup as dead, n_live_tup as live
from pg_stat_user_tables
where schemaname = 'sluice' and n_dead_tup > $1 and n_dead_tup > n_live_tup
order by relname;

-- name: listMigrations
-- The migrations that have run.
select version, name, checksum from sluice.migration order by version;

-- name: noteMigration
-- Records that a migration has run.
insert into sluice.migration (version, name, checksum) values ($1, $2, $3);

-- name: listSchemas
-- Schemas of deployments, and the schema $1 if it contains anything.
select n.nspname as name, exists (select from pg_class c where c.relnamespace = n.oid and c.relname = 'migration') as is_ours
from pg_namespace n
where case when n.nspname = $1 then exists (select from pg_class c where c.relnamespace = n.oid)
      else (select count(*) from pg_class c where c.relnamespace = n.oid and c.relkind = 'r'
              and c.relname in ('intake', 'lane', 'migration', 'outcome')) = 4 end;

-- name: listSchemaParts
-- The existing tables, views, indexes, constraints and triggers, and whether each works.
select c.relname as name,
       not exists (select from pg_index i where i.indexrelid = c.oid and not (i.indisvalid and i.indisready)) as is_valid
from pg_class c where c.relnamespace = to_regnamespace('sluice') and c.relkind in ('r', 'p', 'v', 'm', 'i', 'I')
union all
select x.conname, x.convalidated from pg_constraint x
where x.connamespace = to_regnamespace('sluice') and x.contype in ('c', 'f')
union all
select t.tgname, t.tgenabled in ('O', 'A') from pg_trigger t join pg_class c on c.oid = t.tgrelid
where c.relnamespace = to_regnamespace('sluice') and not t.tgisinternal;

-- name: findUnvacuumed
-- Tables of Sluice with autovacuum switched off.
select c.relname as name
from pg_class c cross join lateral unnest(c.reloptions) as o (text)
where c.relnamespace = to_regnamespace('sluice') and c.relkind = 'r'
  and o.text ~ '^autovacuum_enabled=(off|false|no|0)$'
order by c.relname;

-- name: readAgreement
-- The agreement of the processes, and the existing lanes.
select (select value from sluice.setting where name = 'lanes') as lanes_agreed,
       (select value from sluice.setting where name = 'model_hash') as model_hash,
       count(*) as lanes, coalesce(max(lane), -1) as last_lane
from sluice.lane;

-- name: notifyDoctor
-- Sends a notification to check whether it returns to the sender.
select pg_notify('sluice_' || $1::text, '');

-- name: readBackend
-- The process of the server that runs this statement.
select pg_backend_pid() as pid;

-- name: findLockStrangers
-- Advisory locks of Sluice (first keys $1: of migrations, $2: of lanes, $3: of sessions) that no process of Sluice
-- should hold, or not for so long. A session that seems to share the lanes makes each of the others take fewer.
select k.classid::bigint as key, k.objid::bigint as second_key, k.pid, coalesce(a.application_name, '') as application,
       coalesce(a.usename::text, '') as role, coalesce(a.xact_start, a.backend_start) as since
from pg_locks k left join pg_stat_activity a on a.pid = k.pid
where k.locktype = 'advisory' and k.objsubid = 2 and k.granted
  and k.database = (select oid from pg_database where datname = current_database())
  and case k.classid::bigint
        when $1::bigint then k.objid = 0
        when $2::bigint then k.pid is null or k.pid <> all (array(select s.pid from sluice.lane_session s))
        when $3::bigint then k.mode = 'ExclusiveLock'
          and not exists (select from sluice.writer w where w.session_pids @> array[k.pid])
      end
order by 1, 2 limit 10;

-- name: readClocks
-- How far the clocks of living processes are from the database's, if measured within $1 seconds.
select kind, host, process_id, ahead_ms
from sluice.process_clock
where measured_at >= statement_timestamp() - $1 * interval '1 second'
order by abs(ahead_ms) desc, host, process_id
limit 1000;
