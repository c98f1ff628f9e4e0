-- The tables of a write's way: intake → document, alias, reference → outcome, and who leads the lanes.
-- Runs in the schema `sluice`, which the migrator has made together with sluice.migration.

-- What all processes of a deployment must agree on: lane count, model hash.
create table sluice.setting (
  name text collate "C" not null,
  value text not null,
  set_at timestamptz not null default clock_timestamp(),
  constraint setting_pkey primary key (name)
);

-- Processes that may lead lanes. A row is for people; who lives is told by session locks (sql/README.md).
create table sluice.writer (
  writer_id uuid not null,
  host text not null,
  process_id integer not null,
  version text not null,
  started_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp(),
  stopped_at timestamptz,
  constraint writer_pkey primary key (writer_id)
);

-- One row a lane: its term, and who leads it. Every batch locks the rows of its lanes first.
create table sluice.lane (
  lane smallint not null,
  term bigint not null default 0,
  writer_id uuid,
  session_pid integer,
  led_since timestamptz,
  left_at timestamptz not null default clock_timestamp(),
  constraint lane_pkey primary key (lane),
  constraint led_lane_has_session_and_time
    check ((writer_id is null) = (led_since is null) and (writer_id is null) = (session_pid is null)),
  constraint lane_is_counted_from_zero check (lane >= 0)
) with (fillfactor = 50);

-- Accepted writes that are not yet settled. Append, read, delete: the hot table.
create table sluice.intake (
  position bigint generated always as identity (cache 1),
  write_id uuid not null,
  document_id uuid not null,
  referential_id uuid not null,
  superclass_id uuid,
  accepted_at timestamptz not null default clock_timestamp(),
  reference_deadline timestamptz,
  blocked_at timestamptz,
  node integer not null,
  lane smallint not null,
  was_blocked boolean not null default false,
  operation text collate "C" not null,
  resource text collate "C" not null,
  content_hash text collate "C" not null,
  if_match text collate "C",
  client text collate "C" not null,
  idempotency_key text collate "C",
  reference_ids uuid[] not null,
  body jsonb,
  constraint intake_pkey primary key (write_id),
  constraint operation_is_known check (operation in ('upsert', 'update', 'delete')),
  constraint write_has_body_unless_delete check ((body is null) = (operation = 'delete'))
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000);

-- The drain reads the front of each lane, blocked writes left aside.
create index intake_ready on sluice.intake (lane, position) where blocked_at is null;
create index intake_blocked on sluice.intake (lane, position) where blocked_at is not null;
create index intake_blocked_client on sluice.intake (client) where blocked_at is not null;
create index intake_reference_deadline on sluice.intake (reference_deadline)
  where blocked_at is not null and reference_deadline is not null;
-- Is this identity on its way? Both the identity a write provides and its superclass form.
create index intake_referential on sluice.intake (referential_id);
create index intake_superclass on sluice.intake (superclass_id) where superclass_id is not null;
-- Does a blocked write stand before this one? By identity, superclass identity, and the id that updates and deletes name.
create index intake_blocked_referential on sluice.intake (referential_id) where blocked_at is not null;
create index intake_blocked_superclass on sluice.intake (superclass_id)
  where blocked_at is not null and superclass_id is not null;
create index intake_blocked_document on sluice.intake (document_id) where blocked_at is not null;
create index intake_idempotency_key on sluice.intake (client, idempotency_key) where idempotency_key is not null;

-- What each blocked write waits for: an identity, or the end of the write that it stands behind.
create table sluice.awaited (
  awaited_id uuid not null,
  write_id uuid not null,
  lane smallint not null,
  since timestamptz not null default clock_timestamp(),
  failure text collate "C",
  constraint awaited_pkey primary key (awaited_id, write_id)
);
create index awaited_write on sluice.awaited (write_id);

create table sluice.document (
  document_id uuid not null,
  referential_id uuid not null,
  superclass_id uuid,
  created_at timestamptz not null default clock_timestamp(),
  modified_at timestamptz not null default clock_timestamp(),
  version bigint not null,
  lane smallint not null,
  resource text collate "C" not null,
  content_hash text collate "C" not null,
  body jsonb not null,
  constraint document_pkey primary key (document_id),
  constraint version_counts_from_one check (version >= 1)
);
-- The paged list of a resource; document ids are UUIDv7, so it is in order of creation.
create index document_resource on sluice.document (resource, document_id);

-- The referentialIds by which a document is known: its own, and that of its superclass.
create table sluice.alias (
  referential_id uuid not null,
  document_id uuid not null,
  lane smallint not null,
  constraint alias_pkey primary key (referential_id)
);
create index alias_document on sluice.alias (document_id);

create table sluice.reference (
  document_id uuid not null,
  referential_id uuid not null,
  lane smallint not null,
  constraint reference_pkey primary key (document_id, referential_id)
);
create index reference_referential on sluice.reference (referential_id);

-- Foreign keys in all but their declaration: alias → document, reference → document, reference → alias. The same locks
-- and the same errors, but one query for all rows of a statement where a declared key asks once for each row. A batch
-- inserts hundreds; declared, the three take a third of its time (docs/performance.md). Like declared keys they look with
-- the rights of the tables' owner: whoever may insert need not be allowed to lock what the row leads to.
create function sluice.check_documents_exist() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  named uuid[] := array(select distinct a.document_id from added a);
  found integer;
begin
  perform from sluice.document d where d.document_id = any(named) order by d.document_id for key share;
  get diagnostics found = row_count;
  if found <> cardinality(named) then
    raise foreign_key_violation using message = format('%I names a document that does not exist', tg_table_name),
      schema = tg_table_schema, table = tg_table_name, constraint = tg_argv[0];
  end if;
  return null;
end
$$;
create trigger alias_names_a_document after insert on sluice.alias
  referencing new table as added for each statement
  execute function sluice.check_documents_exist('alias_names_a_document');
create trigger alias_still_names_a_document after update on sluice.alias
  referencing new table as added for each statement
  execute function sluice.check_documents_exist('alias_names_a_document');
create trigger reference_belongs_to_a_document after insert on sluice.reference
  referencing new table as added for each statement
  execute function sluice.check_documents_exist('reference_belongs_to_a_document');
create trigger reference_still_belongs_to_a_document after update on sluice.reference
  referencing new table as added for each statement
  execute function sluice.check_documents_exist('reference_belongs_to_a_document');

create function sluice.check_aliases_exist() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  referred uuid[] := array(select distinct a.referential_id from added a);
  found integer;
begin
  perform from sluice.alias a where a.referential_id = any(referred) order by a.referential_id for key share;
  get diagnostics found = row_count;
  if found <> cardinality(referred) then
    raise foreign_key_violation using message = 'reference leads to an alias that does not exist',
      schema = tg_table_schema, table = tg_table_name, constraint = 'reference_leads_to_an_alias';
  end if;
  return null;
end
$$;
create trigger reference_leads_to_an_alias after insert on sluice.reference
  referencing new table as added for each statement execute function sluice.check_aliases_exist();
create trigger reference_still_leads_to_an_alias after update on sluice.reference
  referencing new table as added for each statement execute function sluice.check_aliases_exist();

-- The other side. Whoever deletes waits for those who lock the row to refer to it, and must see what they wrote then: a
-- snapshot of the whole transaction would not.
create function sluice.check_isolation() returns void
language plpgsql as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise feature_not_supported
      using message = 'documents and aliases are deleted in a transaction that is read committed';
  end if;
end
$$;
create function sluice.check_documents_are_free() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  violated text;
begin
  perform sluice.check_isolation();
  select case when exists (select from sluice.alias a join removed r on r.document_id = a.document_id)
                then 'alias_names_a_document'
              when exists (select from sluice.reference f join removed r on r.document_id = f.document_id)
                then 'reference_belongs_to_a_document' end
  into violated;
  if violated is not null then
    raise foreign_key_violation using message = 'a deleted document still has aliases or references',
      schema = tg_table_schema, table = tg_table_name, constraint = violated;
  end if;
  return null;
end
$$;
create trigger document_is_free after delete on sluice.document
  referencing old table as removed for each statement execute function sluice.check_documents_are_free();

create function sluice.check_aliases_are_free() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform sluice.check_isolation();
  if exists (select from sluice.reference f join removed r on r.referential_id = f.referential_id) then
    raise foreign_key_violation using message = 'a deleted alias is still referred to',
      schema = tg_table_schema, table = tg_table_name, constraint = 'reference_leads_to_an_alias';
  end if;
  return null;
end
$$;
create trigger alias_is_free after delete on sluice.alias
  referencing old table as removed for each statement execute function sluice.check_aliases_are_free();

create function sluice.check_nothing_is_left() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from sluice.reference) or tg_table_name = 'document' and exists (select from sluice.alias) then
    raise foreign_key_violation using message = 'documents, aliases and references are truncated together',
      schema = tg_table_schema, table = tg_table_name;
  end if;
  return null;
end
$$;
create trigger document_leaves_nothing after truncate on sluice.document
  for each statement execute function sluice.check_nothing_is_left();
create trigger alias_leaves_nothing after truncate on sluice.alias
  for each statement execute function sluice.check_nothing_is_left();

create function sluice.keep_key() returns trigger
language plpgsql as $$
begin
  raise feature_not_supported using message = format('%s keeps its %s', tg_table_name, tg_argv[0]);
end
$$;
create trigger document_keeps_its_id before update of document_id on sluice.document
  for each statement execute function sluice.keep_key('id');
create trigger alias_keeps_its_identity before update of referential_id on sluice.alias
  for each statement execute function sluice.keep_key('identity');

-- The final answer to each write, inserted once: whoever inserts it has settled the write.
create table sluice.outcome (
  write_id uuid not null,
  batch_id uuid not null,
  document_id uuid,
  settled_at timestamptz not null default clock_timestamp(),
  version bigint,
  term bigint,
  ordinal integer not null,
  lane smallint not null,
  result text collate "C" not null,
  code text collate "C",
  resource text collate "C" not null,
  client text collate "C" not null,
  content_hash text collate "C",
  detail jsonb,
  constraint outcome_pkey primary key (write_id),
  constraint result_is_known
    check (result in ('created', 'updated', 'unchanged', 'deleted', 'refused', 'not_applied')),
  constraint only_a_write_without_effect_has_a_code
    check ((code is not null) = (result in ('refused', 'not_applied')))
);

-- Client-scoped keys of settled writes: the same key and request get the same outcome.
create table sluice.idempotency_key (
  client text collate "C" not null,
  key text collate "C" not null,
  write_id uuid not null,
  settled_at timestamptz not null default clock_timestamp(),
  fingerprint text collate "C" not null,
  constraint idempotency_key_pkey primary key (client, key)
);
create index idempotency_key_settled on sluice.idempotency_key (settled_at);

-- Writes that failed alone, repeatedly, for no fault that has an answer: all that a redrive needs.
create table sluice.dead_letter (
  write_id uuid not null,
  document_id uuid not null,
  referential_id uuid not null,
  superclass_id uuid,
  accepted_at timestamptz not null,
  died_at timestamptz not null default clock_timestamp(),
  lane smallint not null,
  attempts integer not null,
  operation text collate "C" not null,
  resource text collate "C" not null,
  content_hash text collate "C" not null,
  if_match text collate "C",
  client text collate "C" not null,
  idempotency_key text collate "C",
  reference_ids uuid[] not null,
  error jsonb not null,
  body jsonb,
  constraint dead_letter_pkey primary key (write_id)
);

-- Ends the transaction when a statement of a batch touched another number of rows than its plan says:
-- zero rows stop nothing by themselves, and the COMMIT is already on its way.
create function sluice.expect_rows(planned bigint, touched bigint, what text) returns bigint
language plpgsql immutable as $$
begin
  if planned is distinct from touched then
    raise exception using errcode = 'SL001', message = 'batch facts are stale',
      detail = what, hint = format('planned %s rows, touched %s', planned, touched);
  end if;
  return touched;
end
$$;

-- Sets single values of a body: edits are [{"path": ["a", "0", "b"], "value": …}, …]. A place that is not there stays
-- so. Values that are not named keep their every digit.
create function sluice.edit_body(body jsonb, edits jsonb) returns jsonb
language plpgsql immutable as $$
declare
  edit jsonb;
begin
  for edit in select e from jsonb_array_elements(edits) as e loop
    body := jsonb_set(body, array(select jsonb_array_elements_text(edit -> 'path')), edit -> 'value', false);
  end loop;
  return body;
end
$$;
