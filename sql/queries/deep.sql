-- name: checkAliases
-- A slice of the identities, after $1: those that refer to no document, or to one with other identities.
with slice as materialized (
  select referential_id, document_id from sluice.alias
  where referential_id > $1::uuid order by referential_id limit $2
)
select (select count(*) from slice) as looked,
       array(select referential_id::text from slice order by referential_id desc limit 1) as last,
       array(select s.referential_id from slice s
             where not exists (
               select from sluice.document d
               where d.document_id = s.document_id and s.referential_id in (d.referential_id, d.superclass_id) offset 0)) as dangling;

-- name: checkIdentities
-- A slice of the documents, after $1: those that have no identity.
with slice as materialized (
  select document_id, referential_id, superclass_id from sluice.document
  where document_id > $1::uuid order by document_id limit $2
)
select (select count(*) from slice) as looked,
       array(select document_id::text from slice order by document_id desc limit 1) as last,
       array(select s.document_id from slice s
             where not exists (
                     select from sluice.alias a
                     where a.referential_id = s.referential_id and a.document_id = s.document_id offset 0)
               or s.superclass_id is not null and not exists (
                     select from sluice.alias a
                     where a.referential_id = s.superclass_id and a.document_id = s.document_id offset 0)) as dangling;

-- name: checkReferences
-- A slice of the references, after $1 and $2: the documents whose references are broken, and those that do not exist.
with slice as materialized (
  select document_id, referential_id from sluice.reference
  where (document_id, referential_id) > ($1::uuid, $2::uuid) order by document_id, referential_id limit $3
)
select (select count(*) from slice) as looked,
       array(select v.id from (
               select document_id, referential_id from slice order by document_id desc, referential_id desc limit 1) s
             cross join lateral (values (1, s.document_id::text), (2, s.referential_id::text)) as v (place, id)
             order by v.place) as last,
       array(select s.document_id from slice s
             where not exists (select from sluice.alias a where a.referential_id = s.referential_id offset 0)
                or not exists (select from sluice.document d where d.document_id = s.document_id offset 0)) as dangling;

-- name: checkAwaited
-- A slice of the awaited things, after $1 and $2: the writes that await something and do not wait.
with slice as materialized (
  select awaited_id, write_id from sluice.awaited
  where (awaited_id, write_id) > ($1::uuid, $2::uuid) order by awaited_id, write_id limit $3
)
select (select count(*) from slice) as looked,
       array(select v.id from (select awaited_id, write_id from slice order by awaited_id desc, write_id desc limit 1) s
             cross join lateral (values (1, s.awaited_id::text), (2, s.write_id::text)) as v (place, id)
             order by v.place) as last,
       array(select s.write_id from slice s
             where not exists (select from sluice.intake i where i.write_id = s.write_id offset 0)) as dangling;

-- name: checkBlocked
-- A slice of the blocked writes, after $1 and $2: those that await nothing, so that nothing wakes them.
with slice as materialized (
  select lane, position, write_id from sluice.intake
  where blocked_at is not null and (lane, position) > ($1::smallint, $2::bigint) order by lane, position limit $3
)
select (select count(*) from slice) as looked,
       array(select v.place_of from (select lane, position from slice order by lane desc, position desc limit 1) s
             cross join lateral (values (1, s.lane::text), (2, s.position::text)) as v (place, place_of)
             order by v.place) as last,
       array(select s.write_id from slice s
             where not exists (select from sluice.awaited a where a.write_id = s.write_id offset 0)) as dangling;

-- name: checkKeys
-- A slice of the idempotency keys, after $1 and $2: the writes that a key stands for and that have no outcome.
with slice as materialized (
  select client, key, write_id from sluice.idempotency_key
  where (client, key) > ($1::text, $2::text) order by client, key limit $3
)
select (select count(*) from slice) as looked,
       array(select v.name from (select client, key from slice order by client desc, key desc limit 1) s
             cross join lateral (values (1, s.client), (2, s.key)) as v (place, name)
             order by v.place) as last,
       array(select s.write_id from slice s
             where not exists (select from sluice.outcome o where o.write_id = s.write_id offset 0)) as dangling;

-- name: checkOrganizations
-- A slice of the organizations, after $1: those whose documents are gone.
with slice as materialized (
  select document_id from sluice.organization where document_id > $1::uuid order by document_id limit $2
)
select (select count(*) from slice) as looked,
       array(select document_id::text from slice order by document_id desc limit 1) as last,
       array(select s.document_id from slice s
             where not exists (select from sluice.document d where d.document_id = s.document_id offset 0)) as dangling;

-- name: checkStudentSchools
-- A slice of the links between students and schools, after $1: those whose documents are gone.
with slice as materialized (
  select document_id from sluice.student_school where document_id > $1::uuid order by document_id limit $2
)
select (select count(*) from slice) as looked,
       array(select document_id::text from slice order by document_id desc limit 1) as last,
       array(select s.document_id from slice s
             where not exists (select from sluice.document d where d.document_id = s.document_id offset 0)) as dangling;
