-- name: readDocument
-- One document of a resource by its id; the body as text, so that its numbers do not change. If it has more than $3
-- bytes, only its size.
select d.document_id, case when octet_length(t.body) <= $3 then t.body end as body, octet_length(t.body) as bytes,
       d.content_hash, d.version, d.created_at, d.modified_at
from sluice.document d
cross join lateral (select d.body::text as body offset 0) t
where d.document_id = $1 and d.resource = $2;

-- name: readDocuments
-- Documents by their ids, in the order of $1, up to $2 bytes; the first may have $3. The last row is the one that did
-- not fit, without its body: the documents from its place on are still to be read. Missing documents have no id. Each
-- body is written out once, and no row after the one that did not fit is read.
with recursive slice as (
  select 0 as place, null::uuid as document_id, null::text as body, 0 as bytes, 0::bigint as total, true as is_read,
         null::text collate "C" as content_hash, null::bigint as version, null::timestamptz as created_at,
         null::timestamptz as modified_at
  union all
  select s.place + 1, d.document_id, case when f.is_read then d.body end, d.bytes, s.total + coalesce(d.bytes, 0), f.is_read,
         d.content_hash, d.version, d.created_at, d.modified_at
  from slice s
  left join lateral (
    select t.document_id, t.body, octet_length(t.body) as bytes, t.content_hash, t.version, t.created_at, t.modified_at
    from (select document_id, body::text as body, content_hash, version, created_at, modified_at
          from sluice.document where document_id = ($1::uuid[])[s.place + 1] offset 0) t
    offset 0) d on true
  cross join lateral (
    select coalesce(s.total + d.bytes <= $2::bigint or (s.total = 0 and d.bytes <= $3::bigint), true) as is_read) f
  where s.is_read and s.place < cardinality($1::uuid[])
)
select place, document_id, body, bytes, is_read, content_hash, version, created_at, modified_at
from slice where place > 0 order by place;

-- name: listDocuments
-- The ids of a page of a resource, in order of creation.
select document_id
from sluice.document
where resource = $1
order by document_id
limit $2 offset $3;

-- name: countDocuments
-- The number of documents of a resource.
select count(*) as documents from sluice.document where resource = $1;

-- name: findDocuments
-- The ids of a page of those documents of a resource that contain one of $2, and at each path of $3 the value of $4 in
-- any case. The caller folds the value and names the letters of $5 that count as those of $6, because `lower` of
-- another collation than "C" would fold by the locale of the database. Character 304 is the one that folds to two
-- (packages/sluice/src/model/fold-case.ts).
select document_id
from sluice.document
where resource = $1 and body @> any($2::jsonb[])
  and not exists (select from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as f (path, value, letters, folded)
                  where translate(replace(lower((body #>> f.path::text[]) collate "C"), chr(304), 'i' || chr(775)),
                                  f.letters, f.folded) is distinct from f.value)
order by document_id
limit $7 offset $8;

-- name: countFound
-- The number of these documents.
select count(*) as documents
from sluice.document
where resource = $1 and body @> any($2::jsonb[])
  and not exists (select from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as f (path, value, letters, folded)
                  where translate(replace(lower((body #>> f.path::text[]) collate "C"), chr(304), 'i' || chr(775)),
                                  f.letters, f.folded) is distinct from f.value);

-- name: findReferrers
-- The same among those that refer to all of $7, or are known by one of them: found by an index, without reading a
-- resource.
select document_id
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
-- The number of these documents.
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
