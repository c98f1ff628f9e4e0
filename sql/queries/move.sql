-- name: listStoreTables
-- The tables of the deployment, with their stored columns.
select c.relname::text as name,
       array(select a.attname::text from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
             order by a.attnum) as columns
from pg_class c where c.relnamespace = 'sluice'::regnamespace and c.relkind in ('r', 'p') order by c.relname;

-- name: listStoreSequences
-- The last number that each sequence of the deployment has given; null: none yet.
select c.relname::text as name, pg_sequence_last_value(c.oid::regclass) as last_value
from pg_class c where c.relnamespace = 'sluice'::regnamespace and c.relkind = 'S' order by c.relname;

-- name: setStoreSequence
-- Sets a sequence of the deployment to go on after $2.
select setval(c.oid::regclass, $2::bigint)
from pg_class c where c.relnamespace = 'sluice'::regnamespace and c.relkind = 'S' and c.relname = $1::text;

-- name: listOutsiders
-- What the deployment has outside of its schema, and a copy of the schema would miss: targets, projections with tables
-- of users, and objects of users on its tables or with references to them.
select 'target' as kind, name from sluice.target
union
-- Where no writer has kept them: each line ends with the kind and a hash.
select 'target', regexp_replace(unnest(string_to_array(value, E'\n')), ' \S+ \S+$', '')
from sluice.setting where name = 'targets' and value <> ''
union
select 'projection', name from sluice.projection
where name not in ('organization_hierarchy', 'student_school_authorization')
union
select 'trigger', t.tgname
from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc p on p.oid = t.tgfoid
where c.relnamespace = 'sluice'::regnamespace and not t.tgisinternal and p.pronamespace <> c.relnamespace
union
select 'foreign key', k.conname
from pg_constraint k join pg_class f on f.oid = k.conrelid join pg_class t on t.oid = k.confrelid
where k.contype = 'f' and t.relnamespace = 'sluice'::regnamespace and f.relnamespace <> t.relnamespace
order by kind, name;

-- name: countReady
-- Writes that a writer can settle now; counting ends at a limit.
select count(*) as writes from (select from sluice.intake where blocked_at is null limit $1) i;

-- name: ownsTables
-- Whether this role may alter the tables of the deployment.
select bool_and(pg_has_role(c.relowner, 'usage')) as is_owner
from pg_class c where c.relnamespace = 'sluice'::regnamespace and c.relkind in ('r', 'p');

-- name: listFencedTables
-- The tables that a move has closed to writes.
select c.relname::text as name from pg_constraint k join pg_class c on c.oid = k.conrelid
where c.relnamespace = 'sluice'::regnamespace and k.conname = 'store_has_moved' order by c.relname;

-- name: readLeaving
-- When a move took the deployment from here to another database; null: none did, or an operator has opened the
-- tables since. A later move may have closed them again: it has paused lanes after the row `leave`.
select max(l.done_at) as left_at from sluice.audit l
where l.action = 'leave'
  and exists (select from pg_constraint k join pg_class c on c.oid = k.conrelid
              where c.relnamespace = 'sluice'::regnamespace and k.conname = 'store_has_moved')
  and not exists (select from sluice.audit p
                  where p.action = 'pause' and p.actor like '%stores move)' and p.audit_id > l.audit_id);

-- name: endSession
-- Ends a session of the same role, and waits for its end.
select pg_terminate_backend($1::integer, 5000);
