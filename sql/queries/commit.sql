-- name: removeReferences
-- Deletes references that updated and deleted documents no longer have, after locking them in the order of their keys.
with doomed as materialized (
  select r.document_id, r.referential_id
  from unnest($1::uuid[], $2::uuid[]) as p (document_id, referential_id)
  join sluice.reference r on r.document_id = p.document_id and r.referential_id = p.referential_id
  order by r.referential_id, r.document_id
  for update of r
),
removed as (
  delete from sluice.reference r using doomed
  where r.document_id = doomed.document_id and r.referential_id = doomed.referential_id
  returning 1
)
select sluice.expect_rows(cardinality($1::uuid[]), (select count(*) from removed), 'reference');

-- name: removeAliases
-- Deletes identities of deleted documents, after locking them in their own order.
with doomed as materialized (
  select referential_id from sluice.alias where document_id = any($1::uuid[]) order by referential_id for update
),
removed as (
  delete from sluice.alias where referential_id = any(array(select referential_id from doomed)) returning document_id
)
select sluice.expect_rows(cardinality($1::uuid[]), (select count(distinct document_id) from removed), 'alias');

-- name: removeIdentities
-- Deletes identities that renamed documents no longer have, after locking them in their own order.
with doomed as materialized (
  select referential_id from sluice.alias where referential_id = any($1::uuid[]) order by referential_id for update
),
removed as (
  delete from sluice.alias where referential_id = any(array(select referential_id from doomed)) returning 1
)
select sluice.expect_rows(cardinality($1::uuid[]), (select count(*) from removed), 'alias');

-- name: removeDocuments
-- Deletes documents in the state of the plan, after locking them in the order of their ids.
with doomed as materialized (
  select d.document_id
  from unnest($1::uuid[], $2::bigint[]) as p (document_id, version)
  join sluice.document d on d.document_id = p.document_id and d.version = p.version
  order by d.document_id
  for update of d
),
removed as (
  delete from sluice.document where document_id = any(array(select document_id from doomed)) returning 1
)
select sluice.expect_rows(cardinality($1::uuid[]), (select count(*) from removed), 'document');

-- name: insertDocuments
-- Inserts new documents of writes that never were in the intake, before these are settled.
insert into sluice.document (document_id, lane, resource, referential_id, superclass_id, version, content_hash, body)
select p.document_id, p.lane, p.resource, p.referential_id, p.superclass_id, p.version, p.content_hash, p.body
from unnest($1::uuid[], $2::smallint[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[], $8::jsonb[])
  as p (document_id, lane, resource, referential_id, superclass_id, version, content_hash, body)
order by p.document_id;

-- name: moveUpdates
-- Gives existing documents the bodies of their last writes, if they are still in the state of the plan. changed_lane: the
-- batches of the new lane then look for writes that wait in the former one (readEarlierWrites).
with moved as (
  update sluice.document d
  set version = p.version, content_hash = p.content_hash, body = i.body, modified_at = statement_timestamp(),
      referential_id = p.referential_id, superclass_id = p.superclass_id, lane = p.lane,
      changed_lane = case when p.lane <> d.lane then true else d.changed_lane end
  from unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[], $8::bigint[])
    as p (document_id, write_id, lane, referential_id, superclass_id, version, content_hash, planned_on)
  cross join lateral (select body from sluice.intake where write_id = p.write_id offset 0) i
  where d.document_id = p.document_id and d.version = p.planned_on
  returning 1
)
select sluice.expect_rows(cardinality($1::uuid[]), (select count(*) from moved), 'document');

-- name: updateDocuments
-- The same for writes that never were in the intake.
with updated as (
  update sluice.document d
  set version = p.version, content_hash = p.content_hash, body = p.body, modified_at = statement_timestamp(),
      referential_id = p.referential_id, superclass_id = p.superclass_id, lane = p.lane,
      changed_lane = case when p.lane <> d.lane then true else d.changed_lane end
  from unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::bigint[], $8::jsonb[])
    as p (document_id, lane, referential_id, superclass_id, version, content_hash, planned_on, body)
  where d.document_id = p.document_id and d.version = p.planned_on
  returning 1
)
select sluice.expect_rows(cardinality($1::uuid[]), (select count(*) from updated), 'document');

-- name: editDocuments
-- Changes documents that follow a renamed one: single values of their bodies, and their own identities if those contain
-- such values.
with edited as (
  update sluice.document d
  set version = d.version + 1, content_hash = p.content_hash, body = sluice.edit_body(d.body, p.edits),
      modified_at = statement_timestamp(), referential_id = p.referential_id, superclass_id = p.superclass_id, lane = p.lane,
      changed_lane = case when p.lane <> d.lane then true else d.changed_lane end
  from unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::jsonb[])
    as p (document_id, lane, referential_id, superclass_id, content_hash, planned_on, edits)
  where d.document_id = p.document_id and d.version = p.planned_on
  returning 1
)
select sluice.expect_rows(cardinality($1::uuid[]), (select count(*) from edited), 'document');

-- name: settleWrites
-- Settles the writes of a batch in one statement, because each statement costs a small batch more than its rows.
-- Settled writes leave the intake ($14), new documents take their bodies from there (is_new: the write whose body it
-- is), and their identities and references are inserted with the outcomes. The triggers check everything afterwards. A
-- conflict on the key of an outcome means that the write was settled elsewhere: the whole batch is planned again. $21:
-- the projections of this process; it commits nothing unless the deployment has agreed on the same. Citus runs the
-- parts one by one in this order; PostgreSQL in any order, on one snapshot.
with given as (
  select unnest($2::uuid[]) as write_id, unnest($3::bigint[]) as term, unnest($4::smallint[]) as lane,
         unnest($5::text[]) as result, unnest($6::text[]) as code, unnest($7::text[]) as resource,
         unnest($8::text[]) as client, unnest($9::uuid[]) as document_id, unnest($10::bigint[]) as version,
         unnest($11::text[]) as content_hash, unnest($12::jsonb[]) as detail, unnest($13::boolean[]) as is_new,
         generate_series(0, cardinality($2::uuid[]) - 1) as ordinal
),
document as (
  insert into sluice.document (document_id, lane, resource, referential_id, superclass_id, version, content_hash, body)
  select g.document_id, g.lane, i.resource, i.referential_id, i.superclass_id, g.version, g.content_hash, i.body
  from given g
  cross join lateral (
    select resource, referential_id, superclass_id, body from sluice.intake where write_id = g.write_id offset 0) i
  where $14 and g.is_new
  order by g.document_id
),
alias as (
  insert into sluice.alias (referential_id, document_id, lane)
  select * from (
    select unnest($15::uuid[]) as referential_id, unnest($16::uuid[]) as document_id, unnest($17::smallint[]) as lane) a
  order by a.referential_id
),
reference as (
  insert into sluice.reference (document_id, referential_id, lane)
  select * from (
    select unnest($18::uuid[]) as document_id, unnest($19::uuid[]) as referential_id, unnest($20::smallint[]) as lane) r
  order by r.referential_id, r.document_id
),
outcome as (
  insert into sluice.outcome
    (write_id, batch_id, term, ordinal, lane, result, code, resource, client, document_id, version, content_hash, detail)
  select g.write_id, $1::uuid, g.term, g.ordinal, g.lane, g.result, g.code, g.resource, g.client, g.document_id,
         g.version, g.content_hash, g.detail
  from given g
),
taken as (
  delete from sluice.intake where $14 and write_id = any($2::uuid[]) returning 1
)
select sluice.expect_rows(case when $14 then cardinality($2::uuid[]) else 0 end, (select count(*) from taken), 'intake')
from (select coalesce((select value from sluice.setting where name = 'projections'), '') as agreed) a
where case when a.agreed <> $21::text then sluice.expect_projections(a.agreed, $21::text) is null else true end;

-- name: insertOutcomes
-- Answers to writes that have no effect, for roles that may settle no others, and answers of other targets than
-- documents.
insert into sluice.outcome
  (write_id, batch_id, term, ordinal, lane, result, code, resource, client, document_id, version, content_hash, detail)
select g.write_id, $1::uuid, g.term, g.ordinal, g.lane, g.result, g.code, g.resource, g.client, g.document_id,
       g.version, g.content_hash, g.detail
from (
  select unnest($2::uuid[]) as write_id, unnest($3::bigint[]) as term, unnest($4::smallint[]) as lane,
         unnest($5::text[]) as result, unnest($6::text[]) as code, unnest($7::text[]) as resource,
         unnest($8::text[]) as client, unnest($9::uuid[]) as document_id, unnest($10::bigint[]) as version,
         unnest($11::text[]) as content_hash, unnest($12::jsonb[]) as detail,
         generate_series(0, cardinality($2::uuid[]) - 1) as ordinal
) g;

-- name: insertKeys
-- Binds idempotency keys; the batch that settles the first write of a key does so.
insert into sluice.idempotency_key (client, key, fingerprint, write_id)
select * from unnest($1::text[], $2::text[], $3::text[], $4::uuid[]);

-- name: insertDeadLetter
-- Makes a dead letter of a write that failed alone, repeatedly: the whole write, with the error and the document that
-- it would have changed.
insert into sluice.dead_letter
  (write_id, document_id, referential_id, superclass_id, accepted_at, lane, attempts, operation, resource,
   content_hash, if_match, client, idempotency_key, reference_ids, form, error, body, found_document_id, found_version)
select i.write_id, i.document_id, i.referential_id, i.superclass_id, i.accepted_at, i.lane, $2, i.operation, i.resource,
       i.content_hash, i.if_match, i.client, i.idempotency_key, i.reference_ids, i.form, $3::jsonb, i.body,
       f.document_id, f.version
from sluice.intake i
left join lateral (
  select c.document_id, c.version from sluice.alias x join sluice.document c on c.document_id = x.document_id
  where i.operation = 'upsert' and x.referential_id = i.referential_id
  union all
  select c.document_id, c.version from sluice.document c
  where i.operation in ('update', 'delete') and c.document_id = i.document_id) f on true
where i.write_id = $1;

-- name: hintNodes
-- Tells the nodes which of their writes are settled. A statement of its own after the COMMIT, because a transaction
-- that only notifies waits for no flush.
select pg_notify('sluice_node_' || node, write_ids) from unnest($1::integer[], $2::text[]) as h (node, write_ids);

-- name: hintProvided
-- Tells the leaders of other lanes that identities exist, or will not come, which writes of their lanes await. $1: the
-- identities and these lanes, packed.
select pg_notify('sluice_provided', ids) from unnest($1::text[]) as h (ids);

-- name: hintAwaited
-- The same for identities of which it is unknown whether, and in which lanes, they are awaited. $1: the identities; $2:
-- packed without lanes. If the lanes do not fit, each leader checks.
with waiting as materialized (
  select array_to_string(array(select distinct lane from sluice.awaited where awaited_id = any($1::uuid[])), ',') as lanes
)
select pg_notify('sluice_provided', h.ids || case when length(lanes) > 250 then '' else ';' || lanes end)
from unnest($2::text[]) as h (ids), waiting
where lanes <> '';

-- name: hintWriters
-- Wakes the writers that listen to these channels. $2: the lanes that have new writes, packed, for each channel.
select pg_notify('sluice_' || channel, lanes) from unnest($1::text[], $2::text[]) as h (channel, lanes);
