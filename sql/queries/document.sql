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

-- name: findDocuments
-- A page of those documents of a resource that say one of $2, and at each path of $3 the value of $4 in whatever case.
-- The caller folds the value and names the letters of $5 that count as those of $6: `lower` of another collation than "C"
-- would fold by the locale of the database. Character 304 is the one that folds to two (packages/model/src/fold-case.ts).
select document_id, body::text as body, content_hash, version, created_at, modified_at
from sluice.document
where resource = $1 and body @> any($2::jsonb[])
  and not exists (select from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as f (path, value, letters, folded)
                  where translate(replace(lower((body #>> f.path::text[]) collate "C"), chr(304), 'i' || chr(775)),
                                  f.letters, f.folded) is distinct from f.value)
order by document_id
limit $7 offset $8;

-- name: countFound
-- How many they are.
select count(*) as documents
from sluice.document
where resource = $1 and body @> any($2::jsonb[])
  and not exists (select from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as f (path, value, letters, folded)
                  where translate(replace(lower((body #>> f.path::text[]) collate "C"), chr(304), 'i' || chr(775)),
                                  f.letters, f.folded) is distinct from f.value);

-- name: findReferrers
-- The same among those that refer to all of $7, or are known by one of them: found by index, not by reading a resource.
select document_id, body::text as body, content_hash, version, created_at, modified_at
from sluice.document
where document_id in (
    select e.document_id
    from (select r.document_id, r.referential_id from sluice.reference r where r.referential_id = any($7::uuid[])
          union all
          select a.document_id, a.referential_id from sluice.alias a where a.referential_id = any($7::uuid[])) e
    group by e.document_id having count(distinct e.referential_id) = cardinality($7::uuid[]))
  and resource = $1 and body @> any($2::jsonb[])
  and not exists (select from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as f (path, value, letters, folded)
                  where translate(replace(lower((body #>> f.path::text[]) collate "C"), chr(304), 'i' || chr(775)),
                                  f.letters, f.folded) is distinct from f.value)
order by document_id
limit $8 offset $9;

-- name: countReferrers
-- How many they are.
select count(*) as documents
from sluice.document
where document_id in (
    select e.document_id
    from (select r.document_id, r.referential_id from sluice.reference r where r.referential_id = any($7::uuid[])
          union all
          select a.document_id, a.referential_id from sluice.alias a where a.referential_id = any($7::uuid[])) e
    group by e.document_id having count(distinct e.referential_id) = cardinality($7::uuid[]))
  and resource = $1 and body @> any($2::jsonb[])
  and not exists (select from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as f (path, value, letters, folded)
                  where translate(replace(lower((body #>> f.path::text[]) collate "C"), chr(304), 'i' || chr(775)),
                                  f.letters, f.folded) is distinct from f.value);
