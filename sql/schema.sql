-- The whole schema, as the migrations leave it. Written by UPDATE_SCHEMA=1 npx vitest run test/sql; do not edit.

create table sluice.alias (
  referential_id uuid not null,
  document_id uuid not null,
  lane smallint not null,
  constraint alias_pkey PRIMARY KEY (referential_id)
);
CREATE INDEX alias_document ON sluice.alias USING btree (document_id);
CREATE TRIGGER alias_is_free AFTER DELETE ON sluice.alias REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION sluice.check_aliases_are_free();
CREATE TRIGGER alias_keeps_its_identity BEFORE UPDATE OF referential_id ON sluice.alias FOR EACH STATEMENT EXECUTE FUNCTION sluice.keep_key('identity');
CREATE TRIGGER alias_leaves_nothing AFTER TRUNCATE ON sluice.alias FOR EACH STATEMENT EXECUTE FUNCTION sluice.check_nothing_is_left();
CREATE TRIGGER alias_names_a_document AFTER INSERT ON sluice.alias REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sluice.check_documents_exist('alias_names_a_document');
CREATE TRIGGER alias_still_names_a_document AFTER UPDATE ON sluice.alias REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sluice.check_documents_exist('alias_names_a_document');

create table sluice.api_key (
  prefix text collate "C" not null,
  hash bytea not null,
  client text collate "C" not null,
  scopes text[] not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  constraint api_key_pkey PRIMARY KEY (prefix),
  constraint hash_is_sha256 CHECK ((octet_length(hash) = 32)),
  constraint key_belongs_to_a_client CHECK ((client <> ''::text))
);

create table sluice.audit (
  audit_id bigint not null generated always as identity,
  done_at timestamp with time zone not null default clock_timestamp(),
  writes integer not null default 0,
  action text collate "C" not null,
  actor text not null,
  database_role text not null default SESSION_USER,
  target text not null,
  write_ids uuid[] not null default '{}'::uuid[],
  detail jsonb,
  constraint audit_pkey PRIMARY KEY (audit_id),
  constraint action_is_named CHECK (((action <> ''::text) AND (actor <> ''::text)))
);
CREATE TRIGGER audit_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON sluice.audit FOR EACH STATEMENT EXECUTE FUNCTION sluice.refuse_change();

create table sluice.awaited (
  awaited_id uuid not null,
  write_id uuid not null,
  lane smallint not null,
  since timestamp with time zone not null default clock_timestamp(),
  failure text collate "C",
  locker xid,
  constraint awaited_pkey PRIMARY KEY (awaited_id, write_id)
);
CREATE INDEX awaited_write ON sluice.awaited USING btree (write_id);

create view sluice.awaited_status as
 SELECT a.write_id,
    a.awaited_id,
    a.since,
        CASE
            WHEN a.awaited_id = a.write_id THEN 'lock'::text
            WHEN a.awaited_id = ANY (i.reference_ids) THEN 'reference'::text
            ELSE 'predecessor'::text
        END AS kind,
        CASE
            WHEN a.awaited_id = a.write_id THEN 'locked'::text
            WHEN (EXISTS ( SELECT
               FROM sluice.alias x
              WHERE x.referential_id = a.awaited_id)) OR (EXISTS ( SELECT
               FROM sluice.outcome o
              WHERE o.write_id = a.awaited_id)) THEN 'committed'::text
            WHEN p.is_blocked THEN 'blocked'::text
            WHEN p.write_id IS NOT NULL THEN 'pending'::text
            WHEN a.failure IS NOT NULL THEN 'refused'::text
            ELSE 'never_seen'::text
        END AS standing,
    NULLIF(a.failure, ''::text) AS failure,
    p.write_id AS provider_id,
    p.lane AS provider_lane,
    p.resource AS provider_resource,
    p.client AS provider_client,
        CASE
            WHEN p.is_blocked THEN 'blocked'::text
            ELSE ( SELECT s.reason
               FROM sluice.lane_reason s
              WHERE s.lane = p.lane)
        END AS provider_reason
   FROM sluice.awaited a
     JOIN sluice.intake i ON i.write_id = a.write_id AND i.blocked_at IS NOT NULL
     LEFT JOIN LATERAL ( SELECT c.write_id,
            c."position",
            c.lane,
            c.resource,
            c.client,
            c.is_blocked
           FROM ( SELECT n.write_id,
                    n."position",
                    n.lane,
                    n.resource,
                    n.client,
                    n.blocked_at IS NOT NULL AS is_blocked
                   FROM sluice.intake n
                  WHERE n.referential_id = a.awaited_id AND n.operation <> 'delete'::text AND n.write_id <> a.write_id
                UNION ALL
                 SELECT n.write_id,
                    n."position",
                    n.lane,
                    n.resource,
                    n.client,
                    n.blocked_at IS NOT NULL
                   FROM sluice.intake n
                  WHERE n.superclass_id = a.awaited_id AND n.operation <> 'delete'::text AND n.write_id <> a.write_id
                UNION ALL
                 SELECT n.write_id,
                    n."position",
                    n.lane,
                    n.resource,
                    n.client,
                    n.blocked_at IS NOT NULL
                   FROM sluice.intake n
                  WHERE n.write_id = a.awaited_id AND n.write_id <> a.write_id) c
          ORDER BY c."position"
         LIMIT 1) p ON true;

create view sluice.blocked_chain as
 SELECT b.write_id,
    c.depth,
    c.blocked_id,
    c.awaited_id,
    c.kind,
    c.standing,
    c.failure,
    c.since,
    c.provider_id,
    c.provider_lane,
    c.provider_resource,
    c.provider_reason
   FROM sluice.intake b
     CROSS JOIN LATERAL ( WITH RECURSIVE link AS (
                 SELECT 1 AS depth,
                    s.write_id AS blocked_id,
                    s.awaited_id,
                    s.kind,
                    s.standing,
                    s.failure,
                    s.since,
                    s.provider_id,
                    s.provider_lane,
                    s.provider_resource,
                    s.provider_reason
                   FROM sluice.awaited_status s
                  WHERE s.write_id = b.write_id
                UNION
                 SELECT k.depth + 1,
                    s.write_id,
                    s.awaited_id,
                    s.kind,
                    s.standing,
                    s.failure,
                    s.since,
                    s.provider_id,
                    s.provider_lane,
                    s.provider_resource,
                    s.provider_reason
                   FROM link k
                     CROSS JOIN LATERAL ( SELECT a.write_id,
                            a.awaited_id,
                            a.since,
                            a.kind,
                            a.standing,
                            a.failure,
                            a.provider_id,
                            a.provider_lane,
                            a.provider_resource,
                            a.provider_client,
                            a.provider_reason
                           FROM sluice.awaited_status a
                          WHERE a.write_id = k.provider_id
                         LIMIT 200) s
                  WHERE k.standing = 'blocked'::text AND k.depth < 32
                )
         SELECT link.depth,
            link.blocked_id,
            link.awaited_id,
            link.kind,
            link.standing,
            link.failure,
            link.since,
            link.provider_id,
            link.provider_lane,
            link.provider_resource,
            link.provider_reason
           FROM link
         LIMIT 200) c
  WHERE b.blocked_at IS NOT NULL;

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
  found_document_id uuid,
  found_version bigint,
  form text collate "C",
  constraint dead_letter_pkey PRIMARY KEY (write_id)
);
CREATE INDEX dead_letter_document ON sluice.dead_letter USING btree (document_id);
CREATE INDEX dead_letter_idempotency_key ON sluice.dead_letter USING btree (idempotency_key) WHERE (idempotency_key IS NOT NULL);
CREATE INDEX dead_letter_referential ON sluice.dead_letter USING btree (referential_id);

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
  changed_lane boolean,
  constraint document_pkey PRIMARY KEY (document_id),
  constraint version_counts_from_one CHECK ((version >= 1))
);
CREATE INDEX document_resource ON sluice.document USING btree (resource, document_id);
CREATE TRIGGER document_is_free AFTER DELETE ON sluice.document REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION sluice.check_documents_are_free();
CREATE TRIGGER document_keeps_its_id BEFORE UPDATE OF document_id ON sluice.document FOR EACH STATEMENT EXECUTE FUNCTION sluice.keep_key('id');
CREATE TRIGGER document_leaves_nothing AFTER TRUNCATE ON sluice.document FOR EACH STATEMENT EXECUTE FUNCTION sluice.check_nothing_is_left();

create table sluice.idempotency_key (
  client text collate "C" not null,
  key text collate "C" not null,
  write_id uuid not null,
  fingerprint text collate "C" not null,
  constraint idempotency_key_pkey PRIMARY KEY (client, key)
);
CREATE UNIQUE INDEX idempotency_key_write ON sluice.idempotency_key USING btree (write_id);

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
  traceparent text collate "C",
  form text collate "C",
  constraint intake_pkey PRIMARY KEY (write_id),
  constraint operation_is_known CHECK ((operation = ANY (ARRAY['insert'::text, 'upsert'::text, 'update'::text, 'delete'::text]))),
  constraint write_has_body_unless_delete CHECK (((body IS NOT NULL) OR (operation = 'delete'::text)))
) with (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=2000, autovacuum_vacuum_insert_threshold=-1, autovacuum_vacuum_cost_delay=0, autovacuum_analyze_scale_factor=0, autovacuum_analyze_threshold=20000);
CREATE INDEX intake_blocked ON sluice.intake USING btree (lane, "position") WHERE (blocked_at IS NOT NULL);
CREATE INDEX intake_blocked_client ON sluice.intake USING btree (client) WHERE (blocked_at IS NOT NULL);
CREATE INDEX intake_document ON sluice.intake USING btree (document_id) WHERE (operation = ANY (ARRAY['update'::text, 'delete'::text]));
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
  paused_at timestamp with time zone,
  paused_by text,
  last_writer_id uuid,
  suspect_since timestamp with time zone,
  tried uuid,
  trials smallint not null default 0,
  leased_until timestamp with time zone,
  constraint lane_pkey PRIMARY KEY (lane),
  constraint lane_is_counted_from_zero CHECK ((lane >= 0)),
  constraint led_lane_has_session_and_time CHECK ((((writer_id IS NULL) = (led_since IS NULL)) AND ((writer_id IS NULL) = (session_pid IS NULL)))),
  constraint paused_lane_has_time_and_name CHECK (((paused_at IS NULL) = (paused_by IS NULL)))
) with (fillfactor=50);
CREATE INDEX lane_paused ON sluice.lane USING btree (lane) WHERE (paused_at IS NOT NULL);

create view sluice.lane_reason as
 SELECT lane,
    lane = ANY ((( SELECT sluice.led_lanes() AS led_lanes))::integer[]) AS is_led,
        CASE
            WHEN paused_at IS NOT NULL THEN 'lane_paused'::text
            WHEN lane <> ALL ((( SELECT sluice.led_lanes() AS led_lanes))::integer[]) THEN 'lane_without_leader'::text
            WHEN suspect_since IS NOT NULL OR (EXISTS ( SELECT
               FROM sluice.lane_retry_now r
              WHERE r.lane = l.lane)) THEN 'retrying'::text
            ELSE 'ready'::text
        END AS reason
   FROM sluice.lane l;

create table sluice.lane_retry (
  lane smallint not null,
  term bigint not null,
  attempt integer not null,
  since timestamp with time zone not null default clock_timestamp(),
  next_at timestamp with time zone not null,
  error_code text collate "C",
  constraint lane_retry_pkey PRIMARY KEY (lane)
) with (fillfactor=50);

create view sluice.lane_retry_now as
 SELECT r.lane,
    r.attempt,
    r.since,
    r.next_at,
    r.error_code
   FROM sluice.lane_retry r
     JOIN sluice.lane l ON l.lane = r.lane AND l.term = r.term AND l.paused_at IS NULL;

create view sluice.lane_session as
 WITH held AS MATERIALIZED (
         SELECT k.classid,
            k.objid::integer AS key,
            k.pid,
            k.mode
           FROM pg_locks k
          WHERE k.locktype = 'advisory'::text AND (k.classid = ANY (ARRAY[1936486757::oid, 1936486758::oid, 1936486759::oid])) AND k.objsubid = 2 AND k.granted AND k.database = (( SELECT d.oid
                   FROM pg_database d
                  WHERE d.datname = current_database()))
        ), shown AS (
         SELECT h.pid,
            count(*) FILTER (WHERE h.classid = 1936486757::oid)::integer AS lanes,
            max(h.key) FILTER (WHERE h.classid = 1936486759::oid) AS demand
           FROM held h
          GROUP BY h.pid
         HAVING bool_or(h.classid = 1936486758::oid AND h.key = h.pid AND h.mode = 'ExclusiveLock'::text)
        )
 SELECT pid,
    lanes,
    demand / 10000 AS wanted_sessions,
    (ARRAY['quiet'::text, 'busy'::text, 'full'::text, 'slow'::text, 'even'::text])[demand / 1000 % 10 + 1] AS load,
    demand % 1000 AS busy_percent
   FROM shown s;

create view sluice.lane_status as
 WITH stranger AS MATERIALIZED (
         SELECT DISTINCT ON (x.lane) x.lane,
            x.pid,
            x.application,
            x.role,
            x.since
           FROM sluice.lane_stranger x
          ORDER BY x.lane, x.since
        )
 SELECT l.lane,
    s.reason,
    s.is_led,
    l.term,
    COALESCE(l.writer_id, l.last_writer_id) AS writer_id,
    w.host,
    w.process_id,
        CASE
            WHEN s.is_led THEN l.led_since
            ELSE NULL::timestamp with time zone
        END AS led_since,
        CASE
            WHEN s.is_led THEN NULL::timestamp with time zone
            WHEN l.writer_id IS NULL THEN l.left_at
            ELSE GREATEST(l.led_since, w.seen_at)
        END AS leaderless_since,
    l.paused_at,
    l.paused_by,
    r.error_code AS retry_error,
    r.attempt AS retry_attempt,
    r.since AS retry_since,
    r.next_at AS retry_next_at,
    ( SELECT count(*) AS count
           FROM sluice.intake i
          WHERE i.lane = l.lane AND i.blocked_at IS NULL) AS ready,
    ( SELECT count(*) AS count
           FROM sluice.intake i
          WHERE i.lane = l.lane AND i.blocked_at IS NOT NULL) AS blocked,
    LEAST(( SELECT i.accepted_at
           FROM sluice.intake i
          WHERE i.lane = l.lane AND i.blocked_at IS NULL
          ORDER BY i."position"
         LIMIT 1), ( SELECT i.accepted_at
           FROM sluice.intake i
          WHERE i.lane = l.lane AND i.blocked_at IS NOT NULL
          ORDER BY i."position"
         LIMIT 1)) AS oldest_accepted_at,
    l.suspect_since,
    h.lane IS NOT NULL AS is_locked_by_stranger,
    h.pid AS stranger_pid,
    h.application AS stranger_application,
    h.role AS stranger_role,
    h.since AS stranger_since
   FROM sluice.lane l
     JOIN sluice.lane_reason s ON s.lane = l.lane
     LEFT JOIN sluice.writer w ON w.writer_id = COALESCE(l.writer_id, l.last_writer_id)
     LEFT JOIN sluice.lane_retry_now r ON r.lane = l.lane
     LEFT JOIN stranger h ON h.lane = l.lane;

create view sluice.lane_stranger as
 SELECT k.objid::integer AS lane,
    k.pid,
    COALESCE(a.application_name, ''::text) AS application,
    COALESCE(a.usename::text, ''::text) AS role,
    COALESCE(a.xact_start, a.backend_start) AS since
   FROM pg_locks k
     LEFT JOIN pg_stat_activity a ON a.pid = k.pid
  WHERE k.locktype = 'advisory'::text AND k.classid = 1936486757::oid AND k.objsubid = 2 AND k.granted AND k.database = (( SELECT d.oid
           FROM pg_database d
          WHERE d.datname = current_database())) AND (k.pid IS NULL OR (k.pid <> ALL ((ARRAY( SELECT s.pid
           FROM sluice.lane_session s)))));

create table sluice.lease_session (
  session_id uuid not null,
  writer_id uuid not null,
  alive_until timestamp with time zone not null,
  joined_at timestamp with time zone not null default clock_timestamp(),
  lanes integer not null default 0,
  wanted_sessions integer,
  load text,
  busy_percent integer,
  constraint lease_session_pkey PRIMARY KEY (session_id)
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
CREATE INDEX outcome_settled ON sluice.outcome USING btree (settled_at);
CREATE TRIGGER outcome_takes_all_keys_along AFTER TRUNCATE ON sluice.outcome FOR EACH STATEMENT EXECUTE FUNCTION sluice.forget_keys();
CREATE TRIGGER outcome_takes_its_key_along AFTER DELETE ON sluice.outcome REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION sluice.forget_keys();

create table sluice.process_clock (
  clock_id uuid not null,
  measured_at timestamp with time zone not null default clock_timestamp(),
  ahead_ms double precision not null,
  process_id integer not null,
  host text collate "C" not null,
  kind text collate "C" not null,
  constraint process_clock_pkey PRIMARY KEY (clock_id),
  constraint clock_is_of_a_node_or_a_writer CHECK ((kind = ANY (ARRAY['node'::text, 'writer'::text])))
);

create table sluice.projection (
  name text collate "C" not null,
  version integer,
  needs_rebuild boolean not null default false,
  rebuild_resource text collate "C",
  rebuild_after uuid,
  rebuilt_documents bigint not null default 0,
  rebuilt_at timestamp with time zone,
  constraint projection_pkey PRIMARY KEY (name),
  constraint projection_version_counts_from_one CHECK ((version >= 1))
);

create table sluice.reference (
  document_id uuid not null,
  referential_id uuid not null,
  lane smallint not null,
  constraint reference_pkey PRIMARY KEY (document_id, referential_id)
);
CREATE INDEX reference_referential ON sluice.reference USING btree (referential_id);
CREATE TRIGGER reference_belongs_to_a_document AFTER INSERT ON sluice.reference REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sluice.check_documents_exist('reference_belongs_to_a_document');
CREATE TRIGGER reference_leads_to_an_alias AFTER INSERT ON sluice.reference REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sluice.check_aliases_exist();
CREATE TRIGGER reference_leaves_nothing AFTER TRUNCATE ON sluice.reference FOR EACH STATEMENT EXECUTE FUNCTION sluice.check_nothing_is_left();
CREATE TRIGGER reference_still_belongs_to_a_document AFTER UPDATE ON sluice.reference REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sluice.check_documents_exist('reference_belongs_to_a_document');
CREATE TRIGGER reference_still_leads_to_an_alias AFTER UPDATE ON sluice.reference REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sluice.check_aliases_exist();

create table sluice.setting (
  name text collate "C" not null,
  value text not null,
  set_at timestamp with time zone not null default clock_timestamp(),
  constraint setting_pkey PRIMARY KEY (name)
);

create view sluice.stuck_write as
 SELECT i.write_id,
        CASE
            WHEN i.blocked_at IS NULL THEN 'ready'::text
            ELSE 'blocked'::text
        END AS state,
        CASE
            WHEN i.blocked_at IS NULL THEN ( SELECT s.reason
               FROM sluice.lane_reason s
              WHERE s.lane = i.lane)
            WHEN (EXISTS ( SELECT
               FROM sluice.awaited a
              WHERE a.awaited_id = i.write_id AND a.write_id = i.write_id)) THEN 'locked'::text
            ELSE 'blocked'::text
        END AS reason,
    i.lane,
    i.operation,
    i.resource,
    i.client,
    i.document_id,
    i.referential_id,
    i.accepted_at,
    COALESCE(i.blocked_at, i.accepted_at) AS since,
    i.reference_deadline,
        CASE
            WHEN i.blocked_at IS NOT NULL THEN ( SELECT count(*) AS count
               FROM sluice.awaited a
              WHERE a.write_id = i.write_id)
            ELSE 0::bigint
        END AS awaits,
        CASE
            WHEN i.blocked_at IS NULL THEN ( SELECT r.attempt
               FROM sluice.lane_retry_now r
              WHERE r.lane = i.lane)
            ELSE NULL::integer
        END AS attempts,
        CASE
            WHEN i.blocked_at IS NULL THEN ( SELECT r.next_at
               FROM sluice.lane_retry_now r
              WHERE r.lane = i.lane)
            ELSE NULL::timestamp with time zone
        END AS next_at,
        CASE
            WHEN i.blocked_at IS NULL THEN ( SELECT r.error_code
               FROM sluice.lane_retry_now r
              WHERE r.lane = i.lane)
            ELSE NULL::text
        END AS error_code,
    NULL::text AS error_constraint,
    NULL::text AS error_table
   FROM sluice.intake i
UNION ALL
 SELECT d.write_id,
    'dead_letter'::text AS state,
    'dead_letter'::text AS reason,
    d.lane,
    d.operation,
    d.resource,
    d.client,
    d.document_id,
    d.referential_id,
    d.accepted_at,
    d.died_at AS since,
    NULL::timestamp with time zone AS reference_deadline,
    0::bigint AS awaits,
    d.attempts,
    NULL::timestamp with time zone AS next_at,
    (d.error ->> 'code'::text) COLLATE "C" AS error_code,
    d.error ->> 'constraint'::text AS error_constraint,
    d.error ->> 'table'::text AS error_table
   FROM sluice.dead_letter d;

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

create table sluice.target (
  name text collate "C" not null,
  kind text collate "C" not null,
  key text[] not null,
  constraint target_pkey PRIMARY KEY (name),
  constraint target_kind_is_known CHECK ((kind = ANY (ARRAY['table'::text, 'function'::text, 'handler'::text])))
);

create view sluice.throughput as
 SELECT date_trunc('minute'::text, settled_at) AS minute,
    count(*) AS writes,
    count(DISTINCT batch_id) AS batches,
    count(*) FILTER (WHERE result = ANY (ARRAY['created'::text, 'updated'::text, 'unchanged'::text, 'deleted'::text])) AS applied,
    count(*) FILTER (WHERE result = 'refused'::text) AS refused,
    count(*) FILTER (WHERE result = 'not_applied'::text) AS not_applied
   FROM sluice.outcome o
  WHERE settled_at >= date_trunc('minute'::text, statement_timestamp() - '00:09:00'::interval)
  GROUP BY (date_trunc('minute'::text, settled_at));

create table sluice.writer (
  writer_id uuid not null,
  host text not null,
  process_id integer not null,
  version text not null,
  started_at timestamp with time zone not null default clock_timestamp(),
  seen_at timestamp with time zone not null default clock_timestamp(),
  stopped_at timestamp with time zone,
  session_pids integer[] not null default '{}'::integer[],
  drain_requested_at timestamp with time zone,
  constraint writer_pkey PRIMARY KEY (writer_id)
);

create view sluice.writer_status as
 SELECT w.writer_id,
        CASE
            WHEN NOT w.is_alive AND w.stopped_at IS NOT NULL THEN 'stopped'::text
            WHEN NOT w.is_alive THEN 'gone'::text
            WHEN w.drain_requested_at IS NOT NULL THEN 'draining'::text
            WHEN COALESCE(l.lanes, 0::bigint) > 0 THEN 'leading'::text
            ELSE 'standing by'::text
        END AS state,
    w.is_alive,
    w.host,
    w.process_id,
    w.version,
    COALESCE(l.lanes, 0::bigint) AS lanes,
    w.started_at,
    w.seen_at,
    w.stopped_at,
    w.drain_requested_at
   FROM ( SELECT writer.writer_id,
            writer.host,
            writer.process_id,
            writer.version,
            writer.started_at,
            writer.seen_at,
            writer.stopped_at,
            writer.session_pids,
            writer.drain_requested_at,
            writer.session_pids && (ARRAY( SELECT s.pid
                   FROM sluice.lane_session s)) OR (EXISTS ( SELECT
                   FROM sluice.lease_session s
                  WHERE s.writer_id = writer.writer_id AND s.alive_until > clock_timestamp())) AS is_alive
           FROM sluice.writer) w
     LEFT JOIN ( SELECT l_1.writer_id,
            count(*) AS lanes
           FROM sluice.lane l_1
             JOIN sluice.lane_reason s ON s.lane = l_1.lane AND s.is_led
          GROUP BY l_1.writer_id) l ON l.writer_id = w.writer_id;

CREATE OR REPLACE FUNCTION sluice.agree_projections(projections jsonb, is_change boolean)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  own text;
  agreed text;
  stored text[];
begin
  select coalesce(string_agg(format('%s@%s', p.name, p.version), ',' order by p.name collate "C"), '') into own
  from jsonb_to_recordset(projections) as p (name text, version integer);
  -- Behind a long reader of sluice.setting, new batches would wait for as long.
  perform set_config('lock_timeout', '1s', true);
  -- One call at a time, by a lock that no batch takes: two that read sluice.setting first would wait for each other.
  lock table sluice.projection in share row exclusive mode;
  select value into agreed from sluice.setting where name = 'projections';
  if agreed = own or (agreed is not null and not is_change) then
    return agreed;
  end if;

  lock table sluice.setting in access exclusive mode;
  select value into agreed from sluice.setting where name = 'projections';
  if agreed = own or (agreed is not null and not is_change) then
    return agreed;
  end if;
  insert into sluice.setting (name, value) values ('projections', own)
  on conflict (name) do update set value = excluded.value, set_at = excluded.set_at;
  update sluice.projection o
  set version = null, needs_rebuild = false, rebuild_resource = null, rebuild_after = null
  where o.version is not null
    and not exists (select from jsonb_to_recordset(projections) as p (name text, version integer)
                    where p.name = o.name and p.version = o.version);
  stored := array(
    select r.resource
    from (select distinct jsonb_array_elements_text(p.resources) as resource
          from jsonb_to_recordset(projections) as p (resources jsonb)) r
    where exists (select from sluice.document d where d.resource = r.resource));
  insert into sluice.projection as o (name, version, needs_rebuild)
  select p.name, p.version, coalesce(p.resources ?| stored, false)
  from jsonb_to_recordset(projections) as p (name text, version integer, resources jsonb)
  order by p.name collate "C"
  on conflict (name) do update
  set version = excluded.version, needs_rebuild = excluded.needs_rebuild, rebuilt_documents = 0, rebuilt_at = null
  where o.version is null;
  return own;
end
$function$;

CREATE OR REPLACE FUNCTION sluice.await_session_end(session_pid integer)
 RETURNS boolean
 LANGUAGE plpgsql
 SET lock_timeout TO '900ms'
AS $function$
begin
  -- Shared, and until the end of this statement only: who counts sessions does not count it.
  perform pg_catalog.pg_advisory_xact_lock_shared(1936486758, session_pid);
  return true;
exception
  when lock_not_available then
    return false;
end
$function$;

CREATE OR REPLACE FUNCTION sluice.base_type(type oid)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION sluice.cancel_writes(batch_id uuid, write_ids uuid[], lanes smallint[], resources text[], clients text[])
 RETURNS TABLE(write_id uuid, result text, code text, resource text, document_id uuid, version bigint, content_hash text, detail jsonb)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
begin
  -- In a statement of its own: what is read after it sees every batch that was before.
  perform from sluice.lane l where l.lane = any(cancel_writes.lanes) order by l.lane for no key update;
  with cancelled as (
    insert into sluice.outcome (write_id, batch_id, ordinal, lane, result, code, resource, client)
    select w.write_id, cancel_writes.batch_id, w.ordinal - 1, w.lane, 'not_applied', 'cancelled', w.resource, w.client
    from unnest(cancel_writes.write_ids, cancel_writes.lanes, cancel_writes.resources, cancel_writes.clients)
      with ordinality as w (write_id, lane, resource, client, ordinal)
    where not exists (select from sluice.outcome o where o.write_id = w.write_id)
    returning write_id
  ),
  -- One whose insert is still on its way finds its outcome there.
  removed as (delete from sluice.intake i using cancelled c where i.write_id = c.write_id)
  delete from sluice.awaited a using cancelled c where a.write_id = c.write_id;
  return query
    select o.write_id, o.result, o.code, o.resource, o.document_id, o.version, o.content_hash, o.detail
    from sluice.outcome o where o.write_id = any(cancel_writes.write_ids);
end
$function$;

CREATE OR REPLACE FUNCTION sluice.check_aliases_are_free()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  gone uuid[] := array(select r.referential_id from removed r);
begin
  perform sluice.check_isolation();
  if exists (select from sluice.reference f where f.referential_id = any(gone)) then
    raise foreign_key_violation using message = 'a deleted alias is still referred to',
      schema = tg_table_schema, table = tg_table_name, constraint = 'reference_leads_to_an_alias';
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION sluice.check_aliases_exist()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION sluice.check_documents_are_free()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  gone uuid[] := array(select r.document_id from removed r);
  violated text;
begin
  perform sluice.check_isolation();
  select case when exists (select from sluice.alias a where a.document_id = any(gone)) then 'alias_names_a_document'
              when exists (select from sluice.reference f where f.document_id = any(gone))
                then 'reference_belongs_to_a_document' end
  into violated;
  if violated is not null then
    raise foreign_key_violation using message = 'a deleted document still has aliases or references',
      schema = tg_table_schema, table = tg_table_name, constraint = violated;
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION sluice.check_documents_exist()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION sluice.check_isolation()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise feature_not_supported
      using message = 'documents and aliases are removed in a transaction that is read committed';
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION sluice.check_nothing_is_left()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform sluice.check_isolation();
  if exists (select from sluice.reference) or exists (select from sluice.alias) or exists (select from sluice.document) then
    raise foreign_key_violation using message = 'documents, aliases and references are truncated together',
      schema = tg_table_schema, table = tg_table_name;
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION sluice.checked_type(type oid, modifier integer)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
AS $function$
declare
  below oid := type;
  base pg_catalog.pg_type;
  element pg_catalog.pg_type;
begin
  loop
    select * into base from pg_catalog.pg_type y where y.oid = below;
    exit when base.typtype is distinct from 'd';
    below := base.typbasetype;
  end loop;
  element := base;
  if base.typcategory = 'A' then
    select * into element from pg_catalog.pg_type y where y.oid = base.typelem;
  end if;
  if element.typtype not in ('b', 'e') or element.typname ~ '^reg' or element.typname in ('money', 'xml')
    or not pg_catalog.has_schema_privilege(element.typnamespace, 'usage') then
    return null;
  end if;
  -- Without a modifier, char and bit would have the length 1; with -1 they have none.
  return pg_catalog.format_type(base.oid, case when base.oid = type then modifier else -1 end);
end
$function$;

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

CREATE OR REPLACE FUNCTION sluice.expect_projections(agreed text, own text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
begin
  if agreed is distinct from own then
    raise exception using errcode = 'SL004', message = 'projections differ',
      detail = format('agreed: %s', agreed), hint = format('of this process: %s', own);
  end if;
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

CREATE OR REPLACE FUNCTION sluice.expect_table_version(target oid, version text)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
begin
  if sluice.table_version(target) is distinct from version then
    raise exception using errcode = 'SL001', message = 'batch facts are stale', detail = target::text;
  end if;
  return true;
end
$function$;

CREATE OR REPLACE FUNCTION sluice.forget_keys()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
  settled uuid[];
begin
  if tg_op = 'TRUNCATE' then
    delete from sluice.idempotency_key;
  else
    settled := array(select g.write_id from gone g);
    delete from sluice.idempotency_key where write_id = any (settled);
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION sluice.has_table_version(target oid, version text)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
begin
  return sluice.expect_table_version(target, version);
end
$function$;

CREATE OR REPLACE FUNCTION sluice.keep_key()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise feature_not_supported using message = format('%s keeps its %s', tg_table_name, tg_argv[0]);
end
$function$;

CREATE OR REPLACE FUNCTION sluice.key_text(value jsonb, base_type text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION sluice.led_lanes()
 RETURNS integer[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return array(
    with held as materialized (
      select k.objid::integer as lane, k.pid from pg_locks k
      where k.locktype = 'advisory' and k.classid = 1936486757 and k.objsubid = 2 and k.mode = 'ExclusiveLock' and k.granted
        and k.database = (select d.oid from pg_database d where d.datname = current_database())
    )
    select h.lane from held h join sluice.lane l on l.lane = h.lane and l.session_pid = h.pid
    where h.pid = any (array(select s.pid from sluice.lane_session s))
    union
    select l.lane::integer from sluice.lane l where l.leased_until > clock_timestamp());
end
$function$;

CREATE OR REPLACE FUNCTION sluice.lock_holders(write_ids uuid[])
 RETURNS TABLE(write_id uuid, pid integer)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  with running as materialized (
    select k.transactionid, k.pid from pg_locks k where k.locktype = 'transactionid' and k.mode = 'ExclusiveLock' and k.granted
  )
  select distinct i.write_id, k.pid
  from sluice.intake i
  cross join lateral (
    select i.xmax as locker
    union all
    select w.locker from sluice.awaited w where w.awaited_id = i.write_id and w.write_id = i.write_id
    union all
    select l.xmax from sluice.lane l where l.lane = i.lane
    union all
    select a.xmax from sluice.alias a
    where a.referential_id = any(i.reference_ids || array[i.referential_id, i.superclass_id])
    union all
    select d.xmax from sluice.document d
    where d.document_id = i.document_id
       or d.document_id in (select a.document_id from sluice.alias a where a.referential_id in (i.referential_id, i.superclass_id))
    union all
    select a.xmax from sluice.alias a where a.document_id = i.document_id
    union all
    select r.xmax from sluice.reference r
    where r.document_id in (select a.document_id from sluice.alias a where a.referential_id in (i.referential_id, i.superclass_id))
  ) r
  join running k on k.transactionid = r.locker
  where i.write_id = any(lock_holders.write_ids);
$function$;

CREATE OR REPLACE FUNCTION sluice.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception using errcode = 'SL002', message = 'rows of this table are never changed or removed';
end
$function$;

CREATE OR REPLACE FUNCTION sluice.refuse_submit(target text, reason text)
 RETURNS void
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
begin
  raise exception using errcode = 'SL006', message = format('Cannot submit to %s: %s', target, reason);
end
$function$;

CREATE OR REPLACE FUNCTION sluice.row_key(target text, texts text[])
 RETURNS uuid
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION sluice.row_key_of(of_table oid, target text, names text[], body jsonb)
 RETURNS uuid
 LANGUAGE plpgsql
 STABLE
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION sluice.row_parents(of_table oid, body jsonb)
 RETURNS uuid[]
 LANGUAGE plpgsql
 STABLE
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION sluice.submit(target text, body jsonb, operation text DEFAULT 'insert'::text, idempotency_key text DEFAULT NULL::text, client text DEFAULT ''::text, on_conflict text[] DEFAULT NULL::text[], ignore_existing boolean DEFAULT false, wait_for_references interval DEFAULT NULL::interval)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION sluice.table_version(target oid)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION sluice.unfit_column(names text[], types text[], body jsonb)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET "DateStyle" TO 'ISO, YMD'
 SET "IntervalStyle" TO 'postgres'
 SET "TimeZone" TO 'UTC'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION sluice.wrong_column(names text[], types text[], body jsonb)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
AS $function$
declare
  record constant text := case when jsonb_typeof(body) = 'array' then 'recordset' else 'record' end;
  nothing constant jsonb := case when jsonb_typeof(body) = 'array' then '[{}]' else '{}' end;
  statement constant text := (select format('select from jsonb_to_%s($1) as r (%s)', record, string_agg(format('%I %s', c.name, c.type), ', '))
                              from unnest(names, types) as c (name, type));
  state text;
begin
  if cardinality(names) > 0 then
    execute statement using body;
  end if;
  return null;
exception
  when insufficient_privilege then
    raise;
  when data_exception or integrity_constraint_violation or program_limit_exceeded or syntax_error_or_access_rule_violation
    or invalid_schema_name or internal_error then
    state := sqlstate;
    if cardinality(names) > 1 then
      for place in 1 .. cardinality(names) loop
        if sluice.wrong_column(names[place:place], types[place:place], body) is not null then
          return names[place];
        end if;
      end loop;
      return null;
    end if;
    if state !~ '^(22|23|54)' then
      begin
        execute statement using nothing;
      exception
        when others then
          if sqlstate = state then
            return null;
          end if;
      end;
    end if;
    return names[1];
end
$function$;
