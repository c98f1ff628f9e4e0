-- name: listStoreTables
-- The tables of the deployment, with the columns whose values are stored.
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
-- A sequence of the deployment goes on after $2.
select setval(c.oid::regclass, $2::bigint)
from pg_class c where c.relnamespace = 'sluice'::regnamespace and c.relkind = 'S' and c.relname = $1::text;

-- name: listTargetNames
-- Targets of the deployment, whose tables are outside of its schema.
select name from sluice.target order by name;

-- name: countReady
-- Writes that a writer can settle now; counting ends at a bound.
select count(*) as writes from (select from sluice.intake where blocked_at is null limit $1) i;
