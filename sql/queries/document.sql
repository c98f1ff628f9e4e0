-- name: readDocument
-- One document of a resource by its id; the body as text, so that no number changes on its way.
select document_id, body::text as body, content_hash, version, created_at, modified_at
from sluice.document
where document_id = $1 and resource = $2;

-- name: listDocuments
-- A page of a resource in order of creation.
select document_id, body::text as body, content_hash, version, created_at, modified_at
from sluice.document
where resource = $1
order by document_id
limit $2 offset $3;

-- name: countDocuments
-- How many documents a resource has.
select count(*) as documents from sluice.document where resource = $1;

-- name: countEverything
-- What the database holds, for a status line.
select (select count(*) from sluice.document) as documents,
       (select count(*) from sluice.alias) as aliases,
       (select count(*) from sluice.reference) as references,
       (select count(*) from sluice.intake) as intake,
       (select count(*) from sluice.intake where blocked_at is not null) as blocked,
       (select count(*) from sluice.dead_letter) as dead_letters;
