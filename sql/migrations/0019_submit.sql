-- A write to a table, a function or a handler from SQL: sluice.submit puts it into the intake, inside the transaction of its caller.

-- The targets that the deployment has agreed on. The writers put them here when they start. key: the columns that identify a row, in the
-- order of their index; of a function or handler JSON paths into the body.
create table sluice.target (
  name text collate "C" not null,
  kind text collate "C" not null,
  key text[] not null,
  constraint target_pkey primary key (name),
  constraint target_kind_is_known check (kind in ('table', 'function', 'handler'))
);

-- The name of a type, or of the type below its domains.
create function sluice.base_type(type oid) returns text
language plpgsql stable as $$
declare
  below oid := type;
  name text;
  kind "char";
begin
  loop
    select y.typname, y.typtype, y.typbasetype into name, kind, below from pg_catalog.pg_type y where y.oid = below;
    exit when kind is distinct from 'd';
  end loop;
  return name;
end
$$;

-- The text of a key's value, as a node computes it (packages/sluice/src/targets/row-key.ts): of UUIDs, integers and decimal numbers one
-- spelling. Null: the value is missing or null, an object or an array.
create function sluice.key_text(value jsonb, base_type text) returns text
language plpgsql immutable as $$
declare
  given text := value #>> '{}';
  bare text;
  fraction text;
begin
  if value is null or jsonb_typeof(value) in ('null', 'object', 'array') then
    return null;
  end if;
  if base_type = 'uuid' then
    return lower(translate(given, '{}-', ''));
  end if;
  bare := btrim(given, E' \t\n\r\f\v');
  if base_type not in ('int2', 'int4', 'int8', 'numeric') or bare !~ '^[+-]?[0-9]+([.][0-9]*)?$' then
    return given;
  end if;
  fraction := rtrim(split_part(bare, '.', 2), '0');
  given := coalesce(nullif(ltrim(split_part(bare, '.', 1), '+-0'), ''), '0') || case when fraction <> '' then '.' || fraction else '' end;
  return case when bare like '-%' and given <> '0' then '-' || given else given end;
end
$$;

-- The identity key of a row, as a node computes it. Null: one of the texts is.
create function sluice.row_key(target text, texts text[]) returns uuid
language plpgsql immutable as $$
declare
  joined text := octet_length(target) || ':' || target;
  part text;
  h text;
begin
  foreach part in array texts loop
    joined := joined || octet_length(part) || ':' || part;
  end loop;
  h := encode(sha256(convert_to(joined, 'UTF8')), 'hex');
  return substr(h, 1, 12) || '8' || substr(h, 14, 3)
         || substr('89ab', (('x' || substr(h, 17, 1))::bit(4)::integer & 3) + 1, 1) || substr(h, 18, 15);
end
$$;

-- The identity key that some columns of a row give it. Null: one of them has no value.
create function sluice.row_key_of(of_table oid, target text, names text[], body jsonb) returns uuid
language plpgsql stable as $$
declare
  texts text[] := '{}';
  name text;
begin
  foreach name in array names loop
    texts := texts || sluice.key_text(body -> name, sluice.base_type(
      (select a.atttypid from pg_catalog.pg_attribute a where a.attrelid = of_table and a.attname = name)));
  end loop;
  return sluice.row_key(target, texts);
end
$$;

-- The identity keys of the rows that a row refers to: of each foreign key that names exactly the key of a table that is a target.
create function sluice.row_parents(of_table oid, body jsonb) returns uuid[]
language plpgsql stable as $$
declare
  parents uuid[] := '{}';
  parent record;
  texts text[];
  name text;
begin
  for parent in
    select t.name, t.key, c.conkey, c.confkey, c.confrelid
    from pg_catalog.pg_constraint c
    join pg_catalog.pg_class r on r.oid = c.confrelid
    join pg_catalog.pg_namespace n on n.oid = r.relnamespace
    join sluice.target t on t.name = n.nspname || '.' || r.relname and t.kind = 'table' and cardinality(t.key) = cardinality(c.confkey)
    where c.conrelid = of_table and c.contype = 'f' and c.conparentid = 0
  loop
    texts := '{}';
    foreach name in array parent.key loop
      texts := texts || (
        select sluice.key_text(body -> a.attname::text, sluice.base_type(f.atttypid))
        from pg_catalog.pg_attribute f
        join pg_catalog.pg_attribute a on a.attrelid = of_table and a.attnum = parent.conkey[array_position(parent.confkey, f.attnum)]
        where f.attrelid = parent.confrelid and f.attname = name);
    end loop;
    parents := parents || sluice.row_key(parent.name, texts);
  end loop;
  return array_remove(parents, null);
end
$$;

-- Ends a submit, and says what is wrong, by the names of target and column.
create function sluice.refuse_submit(target text, reason text) returns void
language plpgsql immutable as $$
begin
  raise exception using errcode = 'SL006', message = format('Cannot submit to %s: %s', target, reason);
end
$$;

-- Puts a write into the intake, in the transaction of the caller, and returns its id: it counts once that commits, and the writers are
-- woken then. It acts with the rights of its owner: who may execute it may write to each target, and needs no other right.
-- body: a row, or, of an insert or upsert, an array of rows; of an update the columns of the key and those that change; of a delete the
-- columns of the key; of a function or handler any value. Columns are checked by name here; values are checked as the write is settled.
create function sluice.submit(
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

    form := concat('["', operation, '","', case when is_array then 'a' end, case when ignore_existing and operation = 'upsert' then 'i' end,
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

revoke execute on function sluice.base_type(oid), sluice.key_text(jsonb, text), sluice.row_key(text, text[]),
  sluice.row_key_of(oid, text, text[], jsonb), sluice.row_parents(oid, jsonb), sluice.refuse_submit(text, text),
  sluice.submit(text, jsonb, text, text, text, text[], boolean, interval) from public;
