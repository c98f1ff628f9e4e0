-- The whole schema, as the migrations leave it. Written by UPDATE_SCHEMA=1 npx vitest run test/sql; do not edit.

create table sluice.alias (
  referential_id uuid not null,
  document_id uuid not null,
  lane smallint not null,
  constraint alias_pkey PRIMARY KEY (referential_id),
  constraint alias_names_a_document FOREIGN KEY (document_id) REFERENCES sluice.document(document_id) ON DELETE RESTRICT
);
CREATE INDEX alias_document ON sluice.alias USING btree (document_id);

create table sluice.awaited (
  awaited_id uuid not null,
  write_id uuid not null,
  lane smallint not null,
  since timestamp with time zone not null default clock_timestamp(),
  failure text collate "C",
  constraint awaited_pkey PRIMARY KEY (awaited_id, write_id)
);
CREATE INDEX awaited_write ON sluice.awaited USING btree (write_id);

create table sluice.dead_letter (
  write_id uuid not null,
  document_id uuid not null,
  referential_id uuid not null,
  superclass_id uuid,
  accepted_at timestamp with time zone not null,
  died_at timestamp with time zone not null default clock_timestamp(),
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
  constraint dead_letter_pkey PRIMARY KEY (write_id)
);

create table sluice.document (
  document_id uuid not null,
  referential_id uuid not null,
  superclass_id uuid,
  created_at timestamp with time zone not null default clock_timestamp(),
  modified_at timestamp with time zone not null default clock_timestamp(),
  version bigint not null,
  lane smallint not null,
  resource text collate "C" not null,
  content_hash text collate "C" not null,
  body jsonb not null,
  constraint document_pkey PRIMARY KEY (document_id),
  constraint version_counts_from_one CHECK ((version >= 1))
);
CREATE INDEX document_resource ON sluice.document USING btree (resource, document_id);

create table sluice.idempotency_key (
  client text collate "C" not null,
  key text collate "C" not null,
  write_id uuid not null,
  settled_at timestamp with time zone not null default clock_timestamp(),
  fingerprint text collate "C" not null,
  constraint idempotency_key_pkey PRIMARY KEY (client, key)
);
CREATE INDEX idempotency_key_settled ON sluice.idempotency_key USING btree (settled_at);

create table sluice.intake (
  position bigint not null generated always as identity,
  write_id uuid not null,
  document_id uuid not null,
  referential_id uuid not null,
  superclass_id uuid,
  accepted_at timestamp with time zone not null default clock_timestamp(),
  reference_deadline timestamp with time zone,
  blocked_at timestamp with time zone,
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
  constraint intake_pkey PRIMARY KEY (write_id),
  constraint operation_is_known CHECK ((operation = ANY (ARRAY['upsert'::text, 'update'::text, 'delete'::text]))),
  constraint write_has_body_unless_delete CHECK (((body IS NULL) = (operation = 'delete'::text)))
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000, autovacuum_vacuum_insert_threshold=-1, autovacuum_vacuum_cost_delay=0, autovacuum_analyze_scale_factor=0, autovacuum_analyze_threshold=20000);
CREATE INDEX intake_blocked ON sluice.intake USING btree (lane, "position") WHERE (blocked_at IS NOT NULL);
CREATE INDEX intake_blocked_client ON sluice.intake USING btree (client) WHERE (blocked_at IS NOT NULL);
CREATE INDEX intake_blocked_document ON sluice.intake USING btree (document_id) WHERE (blocked_at IS NOT NULL);
CREATE INDEX intake_blocked_referential ON sluice.intake USING btree (referential_id) WHERE (blocked_at IS NOT NULL);
CREATE INDEX intake_blocked_superclass ON sluice.intake USING btree (superclass_id) WHERE ((blocked_at IS NOT NULL) AND (superclass_id IS NOT NULL));
CREATE INDEX intake_idempotency_key ON sluice.intake USING btree (client, idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE INDEX intake_ready ON sluice.intake USING btree (lane, "position") WHERE (blocked_at IS NULL);
CREATE INDEX intake_reference_deadline ON sluice.intake USING btree (reference_deadline) WHERE ((blocked_at IS NOT NULL) AND (reference_deadline IS NOT NULL));
CREATE INDEX intake_referential ON sluice.intake USING btree (referential_id);
CREATE INDEX intake_superclass ON sluice.intake USING btree (superclass_id) WHERE (superclass_id IS NOT NULL);

create table sluice.lane (
  lane smallint not null,
  term bigint not null default 0,
  writer_id uuid,
  session_pid integer,
  led_since timestamp with time zone,
  left_at timestamp with time zone not null default clock_timestamp(),
  constraint lane_pkey PRIMARY KEY (lane),
  constraint lane_is_counted_from_zero CHECK ((lane >= 0)),
  constraint led_lane_has_session_and_time CHECK ((((writer_id IS NULL) = (led_since IS NULL)) AND ((writer_id IS NULL) = (session_pid IS NULL))))
) with (fillfactor=50);

create table sluice.migration (
  version integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone not null default clock_timestamp(),
  constraint migration_pkey PRIMARY KEY (version)
);

create table sluice.organization (
  document_id uuid not null,
  organization_id bigint not null,
  resource text collate "C" not null,
  parent_ids bigint[] not null,
  ancestor_ids bigint[] not null,
  constraint organization_pkey PRIMARY KEY (document_id)
);
CREATE INDEX organization_organization ON sluice.organization USING btree (organization_id);
CREATE INDEX organization_parent ON sluice.organization USING gin (parent_ids);

create table sluice.outcome (
  write_id uuid not null,
  batch_id uuid not null,
  document_id uuid,
  settled_at timestamp with time zone not null default clock_timestamp(),
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
  constraint outcome_pkey PRIMARY KEY (write_id),
  constraint only_a_write_without_effect_has_a_code CHECK (((code IS NOT NULL) = (result = ANY (ARRAY['refused'::text, 'not_applied'::text])))),
  constraint result_is_known CHECK ((result = ANY (ARRAY['created'::text, 'updated'::text, 'unchanged'::text, 'deleted'::text, 'refused'::text, 'not_applied'::text])))
);

create table sluice.projection (
  name text collate "C" not null,
  constraint projection_pkey PRIMARY KEY (name)
);

create table sluice.reference (
  document_id uuid not null,
  referential_id uuid not null,
  lane smallint not null,
  constraint reference_pkey PRIMARY KEY (document_id, referential_id),
  constraint reference_belongs_to_a_document FOREIGN KEY (document_id) REFERENCES sluice.document(document_id) ON DELETE RESTRICT,
  constraint reference_leads_to_an_alias FOREIGN KEY (referential_id) REFERENCES sluice.alias(referential_id) ON DELETE RESTRICT
);
CREATE INDEX reference_referential ON sluice.reference USING btree (referential_id);

create table sluice.setting (
  name text collate "C" not null,
  value text not null,
  set_at timestamp with time zone not null default clock_timestamp(),
  constraint setting_pkey PRIMARY KEY (name)
);

create view sluice.student_organization as
 SELECT DISTINCT a.student_id,
    unnest(o.ancestor_ids) AS organization_id
   FROM sluice.student_school_authorization a
     JOIN sluice.organization o ON o.organization_id = a.school_id
  WHERE a.associations > 0;

create table sluice.student_school (
  document_id uuid not null,
  student_id text collate "C" not null,
  school_id bigint not null,
  constraint student_school_pkey PRIMARY KEY (document_id)
);

create table sluice.student_school_authorization (
  student_id text collate "C" not null,
  school_id bigint not null,
  associations integer not null,
  constraint student_school_authorization_pkey PRIMARY KEY (student_id, school_id)
);

create table sluice.writer (
  writer_id uuid not null,
  host text not null,
  process_id integer not null,
  version text not null,
  started_at timestamp with time zone not null default clock_timestamp(),
  seen_at timestamp with time zone not null default clock_timestamp(),
  stopped_at timestamp with time zone,
  constraint writer_pkey PRIMARY KEY (writer_id)
);

CREATE OR REPLACE FUNCTION sluice.edit_body(body jsonb, edits jsonb)
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
declare
  edit jsonb;
begin
  for edit in select e from jsonb_array_elements(edits) as e loop
    body := jsonb_set(body, array(select jsonb_array_elements_text(edit -> 'path')), edit -> 'value', false);
  end loop;
  return body;
end
$function$;

CREATE OR REPLACE FUNCTION sluice.expect_rows(planned bigint, touched bigint, what text)
 RETURNS bigint
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
begin
  if planned is distinct from touched then
    raise exception using errcode = 'SL001', message = 'batch facts are stale',
      detail = what, hint = format('planned %s rows, touched %s', planned, touched);
  end if;
  return touched;
end
$function$;
