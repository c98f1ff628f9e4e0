-- The roles that the processes of a deployment log in as, and what each may do: no more than its statements need.
-- `sluice roles` applies this, `sluice roles --sql` prints it; harmless to repeat. It wants a superuser, or the owner of
-- the schema where the roles exist already. Names begin with the setting sluice.role_prefix, because roles belong to the
-- whole server. It takes nothing from PUBLIC outside of the schema sluice, unless sluice.exclusive_database is on: other
-- programs may use the database. A new table, view or function gets its line here; test/sql/roles.test.ts asks for it.
do $roles$
declare
  prefix constant text := coalesce(nullif(current_setting('sluice.role_prefix', true), ''), 'sluice');
  owner constant text := prefix || '_migrate';
  is_exclusive constant boolean := coalesce(nullif(current_setting('sluice.exclusive_database', true), ''), 'off')::boolean;
  -- May it do what only a superuser may?
  is_superuser constant boolean := (select rolsuper from pg_catalog.pg_roles where rolname = current_user);
  owns_database constant boolean :=
    (select pg_has_role(d.datdba, 'usage') from pg_catalog.pg_database d where d.datname = current_database());
  role text;
  verifier text;
  line record;
  object record;
begin
  -- Rights on the database and on functions of the server are of all schemas; then the lock of this one's migrations.
  perform pg_catalog.pg_advisory_xact_lock(1936486755, 0);
  perform pg_catalog.pg_advisory_xact_lock(1936486756, 0);

  foreach role in array array['api', 'writer', 'ops', 'migrate'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = prefix || '_' || role) then
      begin
        execute format('create role %I login', prefix || '_' || role);
      exception when duplicate_object or unique_violation then
        -- Somebody else made it for another database of this server, at the same time.
        null;
      end;
    end if;
    if exists (select from pg_catalog.pg_roles
               where rolname = prefix || '_' || role and (rolsuper or rolbypassrls or rolcreaterole or rolreplication)) then
      raise exception using errcode = 'SL005', message = format('role %s_%s has more rights than it may have', prefix, role);
    end if;
    -- A SCRAM verifier, so that no password is ever in a statement.
    verifier := nullif(current_setting('sluice.verifier_' || role, true), '');
    if verifier is not null then
      execute format('alter role %I password %L', prefix || '_' || role, verifier);
    end if;
  end loop;

  if owns_database then
    -- Nobody else connects, makes temporary tables, or puts anything where a search path might find it.
    if is_exclusive then
      execute format('revoke all on database %I from public', current_database());
      revoke all on schema public from public;
    end if;
    for role in select prefix || '_' || r from unnest(array['api', 'writer', 'ops', 'migrate']) as r loop
      execute format('grant connect on database %I to %I', current_database(), role);
    end loop;
    execute format('grant create on database %I to %I', current_database(), owner);
  end if;

  if is_superuser then
    -- Any session may take any advisory lock, the leaders' too, unless that is taken from it.
    for object in
      select p.oid, p.oid::regprocedure as name from pg_catalog.pg_proc p
      where p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ '^pg_(try_)?advisory_'
    loop
      if is_exclusive then
        execute format('revoke execute on function %s from public', object.name);
      end if;
      for role in select prefix || '_writer' union all select owner loop
        if not has_function_privilege(role, object.oid, 'execute') then
          execute format('grant execute on function %s to %I', object.name, role);
        end if;
      end loop;
    end loop;
    -- For metrics: what other sessions wait for, and how long they have held back VACUUM.
    for role in select prefix || '_' || r from unnest(array['api', 'writer', 'ops']) as r loop
      if not pg_has_role(role, 'pg_read_all_stats', 'member') then
        execute format('grant pg_read_all_stats to %I', role);
      end if;
    end loop;
  end if;

  if to_regnamespace('sluice') is null then
    return;
  end if;

  -- Who migrates owns everything, and so do functions that act for others: no superuser.
  if (select nspowner from pg_catalog.pg_namespace where oid = 'sluice'::regnamespace) <> to_regrole(quote_ident(owner)) then
    execute format('alter schema sluice owner to %I', owner);
  end if;
  for object in
    select case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end as kind, c.oid::regclass as name
    from pg_catalog.pg_class c
    where c.relnamespace = 'sluice'::regnamespace and c.relkind in ('r', 'p', 'v', 'S')
      and c.relowner <> to_regrole(quote_ident(owner))
      -- The sequence of an identity column goes with its table.
      and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'i' and c.relkind = 'S')
  loop
    execute format('alter %s %s owner to %I', object.kind, object.name, owner);
  end loop;
  for object in
    select p.oid::regprocedure as name from pg_catalog.pg_proc p
    where p.pronamespace = 'sluice'::regnamespace and p.proowner <> to_regrole(quote_ident(owner))
  loop
    execute format('alter function %s owner to %I', object.name, owner);
  end loop;

  -- From nothing, so that what an earlier version granted does not stay.
  revoke all on schema sluice from public;
  revoke all on all tables in schema sluice from public;
  revoke all on all functions in schema sluice from public;
  for role in select prefix || '_' || r from unnest(array['api', 'writer', 'ops']) as r loop
    execute format('revoke all on all tables in schema sluice from %I', role);
    execute format('revoke all on all sequences in schema sluice from %I', role);
    execute format('revoke all on all functions in schema sluice from %I', role);
    execute format('grant usage on schema sluice to %I', role);
  end loop;

  for line in
    select l.name, r.role, r.privileges
    from (values
      -- Name, then what nodes (api), writers, and operators (ops) may do. Null: nothing.
      -- To lock a row takes the right to update some column of it.
      ('alias', 'select', 'select, insert, update (lane), delete', 'select'),
      ('api_key', 'select', 'select', 'select, insert, update (revoked_at, expires_at)'),
      ('audit', null, null, 'select, insert (action, actor, target, writes, write_ids, detail)'),
      ('awaited', 'select', 'select, insert, update (failure, locker), delete', 'select, delete'),
      ('dead_letter', 'select (write_id)', 'select, insert', 'select, delete'),
      ('document', 'select', 'select, insert, update, delete',
       'select (document_id, referential_id, superclass_id, created_at, modified_at, version, lane, resource, content_hash)'),
      ('idempotency_key', 'select', 'select, insert, delete', 'select'),
      -- Not position, accepted_at and what blocks a write: those are the database's and the writers' to say.
      ('intake',
       'select, insert (write_id, document_id, referential_id, superclass_id, reference_deadline, node, lane, operation, '
       'resource, content_hash, if_match, client, idempotency_key, traceparent, reference_ids, form, body)',
       'select, insert, update (blocked_at, was_blocked, reference_deadline), delete',
       'select, insert (write_id, document_id, referential_id, superclass_id, reference_deadline, node, lane, operation, '
       'resource, content_hash, if_match, client, idempotency_key, traceparent, reference_ids, form, body), delete'),
      ('lane', 'select, insert (lane)',
       'select, insert (lane), update (term, writer_id, session_pid, led_since, left_at, last_writer_id, suspect_since, tried, '
       'trials, leased_until)',
       'select, update (paused_at, paused_by)'),
      ('lane_retry', 'select', 'select, insert, update, delete', 'select'),
      ('lease_session', 'select', 'select, insert, update, delete', 'select'),
      ('migration', 'select', 'select', 'select'),
      ('organization', 'select', 'select, insert, update, delete', 'select'),
      ('outcome', 'select', 'select, insert, delete', 'select, insert'),
      ('process_clock', 'select, insert, update', 'select, insert, update, delete', 'select'),
      ('projection', null, 'select, insert, update, delete', 'select'),
      ('reference', 'select', 'select, insert, update (lane), delete', 'select'),
      ('setting', 'select, insert (name, value)', 'select, insert (name, value)', 'select'),
      ('student_school', 'select', 'select, insert, update, delete', 'select'),
      ('student_school_authorization', 'select', 'select, insert, update, delete', 'select'),
      ('target', 'select', 'select, insert, update, delete', 'select'),
      ('writer', 'select', 'select, insert, update, delete', 'select, update (drain_requested_at)'),
      -- Views show what their owner may see, without bodies.
      ('awaited_status', 'select', 'select', 'select'),
      ('blocked_chain', 'select', 'select', 'select'),
      ('lane_reason', 'select', 'select', 'select'),
      ('lane_retry_now', 'select', 'select', 'select'),
      ('lane_status', 'select', 'select', 'select'),
      ('lane_session', 'select', 'select', 'select'),
      ('lane_stranger', 'select', 'select', 'select'),
      ('stuck_write', 'select', 'select', 'select'),
      ('student_organization', 'select', 'select', 'select'),
      ('throughput', 'select', 'select', 'select'),
      ('writer_status', 'select', 'select', 'select'),
      -- How far arrival has come.
      ('intake_position_seq', 'select', 'select', 'select')
    ) as l (name, api, writer, ops)
    cross join lateral (values ('api', l.api), ('writer', l.writer), ('ops', l.ops)) as r (role, privileges)
    where r.privileges is not null and to_regclass('sluice.' || l.name) is not null
  loop
    execute format('grant %s on %s sluice.%I to %I', line.privileges,
                   case when line.name like '%!_seq' escape '!' then 'sequence' else 'table' end, line.name, prefix || '_' || line.role);
  end loop;

  for line in
    select p.oid::regprocedure as name, r.role
    from (values
      -- Name, and who may call it.
      ('agree_projections', array['writer']),
      ('await_session_end', array['writer']),
      ('cancel_writes', array['api', 'writer']),
      ('check_isolation', '{}'),
      ('edit_body', array['writer']),
      ('expect_projections', array['writer']),
      ('expect_rows', array['writer', 'ops']),
      ('expect_table_version', array['writer']),
      ('has_table_version', array['writer']),
      ('led_lanes', array['api', 'writer', 'ops']),
      ('lock_holders', array['ops']),
      ('submit', array['api']),
      ('table_version', array['api', 'writer', 'ops']),
      ('wrong_column', array['writer']),
      -- Parts of others.
      ('base_type', '{}'),
      ('checked_type', '{}'),
      ('key_text', '{}'),
      ('refuse_submit', '{}'),
      ('row_key', '{}'),
      ('row_key_of', '{}'),
      ('row_parents', '{}'),
      ('unfit_column', '{}'),
      -- Those of triggers are called by nobody.
      ('check_aliases_are_free', '{}'),
      ('check_aliases_exist', '{}'),
      ('check_documents_are_free', '{}'),
      ('check_documents_exist', '{}'),
      ('check_nothing_is_left', '{}'),
      ('forget_keys', '{}'),
      ('keep_key', '{}'),
      ('refuse_change', '{}')
    ) as f (name, roles)
    join pg_catalog.pg_proc p on p.proname = f.name and p.pronamespace = 'sluice'::regnamespace
    cross join unnest(f.roles) as r (role)
  loop
    execute format('grant execute on function %s to %I', line.name, prefix || '_' || line.role);
  end loop;
end
$roles$;
