-- Statements for rows of a user's table are made from its catalog, and kept for a while. A statement that was made before a
-- change of the table could round a value, or keep a row from a new trigger, without any error.

-- A text that changes with all that such statements depend on: the name, columns, defaults, constraints, names of referenced
-- tables, unique indexes, triggers, row-level security. Null: there is no such table.
create function sluice.table_version(target oid) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select md5(concat_ws('|', c.oid::regclass, c.relkind, c.relpersistence, c.relispartition, c.relrowsecurity,
    (select string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attidentity, a.attgenerated),
                       ',' order by a.attnum)
     from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    (select string_agg(concat_ws(' ', d.adnum, d.xmin), ',' order by d.adnum) from pg_attrdef d where d.adrelid = c.oid),
    (select string_agg(concat_ws(' ', k.oid, k.xmin, nullif(k.confrelid, 0)::regclass), ',' order by k.oid)
     from pg_constraint k where k.conrelid = c.oid),
    (select string_agg(concat_ws(' ', i.indexrelid, i.indisready), ',' order by i.indexrelid)
     from pg_index i where i.indrelid = c.oid and (i.indisunique or i.indisexclusion)),
    (select string_agg(concat_ws(' ', g.oid, g.xmin), ',' order by g.oid)
     from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal),
    (select string_agg(r.oid::text, ',' order by r.oid) from pg_rewrite r where r.ev_class = c.oid)))
  from pg_class c where c.oid = target
$$;

-- Volatile, so that it reads what is committed at this moment, and not the older snapshot of the statement that is planned.
create function sluice.expect_table_version(target oid, version text) returns boolean
language plpgsql volatile as $$
begin
  if sluice.table_version(target) is distinct from version then
    raise exception using errcode = 'SL001', message = 'batch facts are stale', detail = target::text;
  end if;
  return true;
end
$$;

-- The same for a statement that is prepared. It is declared as immutable on purpose: PostgreSQL calls it when it plans the
-- statement, and plans again after each change of the table, once it has the lock of the table. A plan that is kept has no
-- call. PostgreSQL plans the statement of a single write each time, and the call takes 0.07 to 0.1 ms of that.
create function sluice.has_table_version(target oid, version text) returns boolean
language plpgsql immutable as $$
begin
  return sluice.expect_table_version(target, version);
end
$$;
