-- The order in which the parts of a date are read is a setting of the writers' role and database, which sluice.submit does not know.

-- The first of these columns that cannot have the value of the body, in whichever order the parts of a date are read.
create function sluice.unfit_column(names text[], types text[], body jsonb) returns text
language plpgsql stable set datestyle = 'ISO, YMD' set intervalstyle = 'postgres' set timezone = 'UTC' as $$
declare
  wrong text := sluice.wrong_column(names, types, body);
  date_order text;
begin
  if wrong is null then
    return null;
  end if;
  for place in 1 .. cardinality(names) loop
    foreach date_order in array array['YMD', 'DMY', 'MDY'] loop
      perform set_config('datestyle', date_order, true);
      wrong := sluice.wrong_column(names[place:place], types[place:place], body);
      exit when wrong is null;
    end loop;
    exit when wrong is not null;
  end loop;
  return wrong;
end
$$;

-- Puts a write into the intake, in the transaction of the caller, and returns its id: it counts once that commits, and the writers are
-- woken then. It acts with the rights of its owner: who may execute it may write to each target, and needs no other right.
-- body: a row, or, of an insert or upsert, an array of rows; of an update the columns of the key and those that change; of a delete the
-- columns of the key; of a function or handler any value. Columns are checked by name here, and values by their types, as far
-- as sluice.checked_type has them; all else is checked as the write is settled.
create or replace function sluice.submit(
  target text, body jsonb, operation text default 'insert', idempotency_key text default null, client text default '',
  on_conflict text[] default null, ignore_existing boolean default false, wait_for_references interval default null
) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
  is_array constant boolean := jsonb_typeof(body) = 'array';
  is_new constant boolean := operation in ('insert', 'upsert');
  random constant text := replace(gen_random_uuid()::text, '-', '');
  -- UUIDv7.
  own constant uuid := (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(random, 14))::uuid;
  lanes constant integer := (select s.value::integer from sluice.setting s where s.name = 'lanes');
  chosen sluice.target;
  table_id oid;
  rows jsonb[];
  names text[];
  wrong text;
  met text[];
  identity uuid;
  parents uuid[] := '{}';
  form text;
  lane integer;
begin
  select * into chosen from sluice.target t where t.name in (target, 'public.' || target) order by t.name <> target limit 1;
  if chosen.name is null or lanes is null then
    perform sluice.refuse_submit(coalesce(target, 'null'), 'it is no target of this deployment');
  end if;
  if body is null then
    perform sluice.refuse_submit(chosen.name, 'body is null');
  elsif idempotency_key = '' or length(idempotency_key) > 255 then
    perform sluice.refuse_submit(chosen.name, 'idempotency_key is not of 1 to 255 characters');
  elsif client is null then
    perform sluice.refuse_submit(chosen.name, 'client is null');
  elsif operation is null or operation not in ('insert', 'upsert', 'update', 'delete') or (chosen.kind <> 'table' and operation <> 'insert') then
    perform sluice.refuse_submit(chosen.name, format('operation is not one that it takes: %s', coalesce(operation, 'null')));
  elsif on_conflict is not null and operation <> 'upsert' then
    perform sluice.refuse_submit(chosen.name, 'on_conflict is for an upsert');
  elsif ignore_existing and operation <> 'upsert' then
    perform sluice.refuse_submit(chosen.name, 'ignore_existing is for an upsert');
  end if;

  if chosen.kind <> 'table' then
    select p.path into wrong from unnest(chosen.key) as p (path)
    where sluice.key_text(body #> string_to_array(substr(p.path, 3), '.'), '') is null limit 1;
    if wrong is not null then
      perform sluice.refuse_submit(chosen.name, format('%s is part of the key, and is no string, number or boolean', wrong));
    end if;
    identity := sluice.row_key(chosen.name, array(
      select sluice.key_text(body #> string_to_array(substr(p.path, 3), '.'), '')
      from unnest(chosen.key) with ordinality as p (path, place) order by p.place));
  else
    select c.oid into table_id
    from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relname = substr(chosen.name, length(n.nspname) + 2)
    where starts_with(chosen.name, n.nspname || '.') and c.relkind in ('r', 'p');
    rows := case when is_array then array(select e.value from jsonb_array_elements(body) with ordinality as e (value, place) order by e.place)
                 else array[body] end;
    if cardinality(rows) not between 1 and 10000 then
      perform sluice.refuse_submit(chosen.name, 'body has no rows, or more than 10000');
    elsif (is_array and not is_new) or exists (select from unnest(rows) as r (value) where jsonb_typeof(r.value) <> 'object') then
      perform sluice.refuse_submit(chosen.name, 'body is no object of columns');
    end if;

    -- Its columns, in the order of the table.
    select array_agg(k.name order by a.attnum), min(k.name) filter (where a.attnum is null) into names, wrong
    from (select distinct o.name from unnest(rows) as r (value) cross join lateral jsonb_object_keys(r.value) as o (name)) k
    left join pg_attribute a on a.attrelid = table_id and a.attname = k.name and a.attnum > 0 and not a.attisdropped;
    if wrong is not null then
      perform sluice.refuse_submit(chosen.name, format('%s is no column of the table', wrong));
    end if;
    names := coalesce(names, '{}');
    select sluice.unfit_column(array_agg(c.name), array_agg(c.type), body) into wrong
    from (select a.attname::text as name, sluice.checked_type(a.atttypid, a.atttypmod) as type
          from pg_attribute a where a.attrelid = table_id and a.attname = any(names)) c
    where c.type is not null;
    if wrong is not null then
      perform sluice.refuse_submit(chosen.name, format('%s has a value that is not of its type, %s', wrong, (
        select format_type(a.atttypid, a.atttypmod) from pg_attribute a where a.attrelid = table_id and a.attname = wrong)));
    end if;
    select a.attname into wrong from pg_attribute a
    where a.attrelid = table_id and a.attname = any(names) and (a.attgenerated <> '' or a.attidentity = 'a')
      and (is_new or a.attname <> all(chosen.key)) limit 1;
    if wrong is not null then
      perform sluice.refuse_submit(chosen.name, format('%s is generated, and cannot be written', wrong));
    end if;
    if not is_new then
      select k.name into wrong from unnest(chosen.key) as k (name) where jsonb_typeof(body -> k.name) is not distinct from 'null'
        or not body ? k.name limit 1;
      if wrong is not null then
        perform sluice.refuse_submit(chosen.name, format('%s is part of the key, and is missing or null', wrong));
      end if;
      names := array(select n.name from unnest(names) with ordinality as n (name, place) where n.name <> all(chosen.key) order by n.place);
      if operation = 'delete' and names <> '{}' then
        perform sluice.refuse_submit(chosen.name, format('%s is not part of the key', names[1]));
      elsif operation = 'update' and names = '{}' then
        perform sluice.refuse_submit(chosen.name, 'body has no column to change');
      end if;
    end if;

    if on_conflict is not null and not (on_conflict @> chosen.key and chosen.key @> on_conflict) then
      select u.names into met
      from (select array(select a.attname::text from generate_series(0, x.indnkeyatts - 1) as p (place)
                         join pg_attribute a on a.attrelid = table_id and a.attnum = x.indkey[p.place] order by p.place) as names,
                   x.indnkeyatts as columns
            from pg_index x
            where x.indrelid = table_id and x.indisunique and x.indimmediate and x.indpred is null and not x.indisexclusion) u
      where cardinality(u.names) = u.columns and u.names @> on_conflict and on_conflict @> u.names
      limit 1;
      if met is null then
        perform sluice.refuse_submit(chosen.name, format('on_conflict names no unique constraint: %s', array_to_string(on_conflict, ', ')));
      end if;
    end if;

    form := concat('["', operation, '","', case when is_array then 'a' end, case when ignore_existing then 'i' end,
                   '",', array_to_json(names), ',' || array_to_json(met), ']');
    identity := sluice.row_key_of(table_id, chosen.name, chosen.key, rows[1]);
    if identity is null and met is not null then
      identity := sluice.row_key_of(table_id, format('%s (%s)', chosen.name, array_to_string(met, ', ')), met, rows[1]);
    end if;
    if operation <> 'delete' then
      parents := array(
        select p.identity from unnest(rows) as r (value) cross join lateral unnest(sluice.row_parents(table_id, r.value)) as p (identity)
        except select sluice.row_key_of(table_id, chosen.name, chosen.key, r.value) from unnest(rows) as r (value));
    end if;
  end if;

  identity := coalesce(identity, own);
  lane := ('x' || right(identity::text, 8))::bit(32)::bigint % lanes;
  insert into sluice.intake
    (write_id, lane, operation, resource, document_id, referential_id, reference_ids, content_hash, client, idempotency_key,
     reference_deadline, node, body, form)
  values
    (own, lane, operation, chosen.name, case when is_new then own else identity end, identity, parents,
     -- Of the form of every content hash; which requests are the same is told from it.
     left(translate(encode(sha256(convert_to(body::text, 'UTF8')), 'base64'), '+/', '-_'), 22), client, idempotency_key,
     clock_timestamp() + wait_for_references, 0, body, form);
  perform pg_notify('sluice_wakeup_' || lane % 64, lane::text);
  return own;
end
$$;

revoke execute on function sluice.unfit_column(text[], text[], jsonb) from public;
