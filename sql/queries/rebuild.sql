-- name: listProjections
-- The projections that the deployment has agreed on, and where the rebuild of each stands.
select name, version, needs_rebuild, rebuild_resource, rebuild_after, rebuilt_documents, rebuilt_at
from sluice.projection where version is not null order by name;

-- name: beginRebuild
-- A rebuild goes through the documents of resource $3 first.
update sluice.projection
set needs_rebuild = true, rebuild_resource = $3, rebuild_after = null, rebuilt_documents = 0, rebuilt_at = null
where name = $1 and version = $2;

-- name: countDerivable
-- How many documents these resources have.
select count(*) as documents from sluice.document where resource = any($1::text[]);

-- name: lockSlice
-- The next documents of a resource ($1) behind one ($2), locked as a batch locks what it updates. Deleted meanwhile, one
-- is missing among the locked ones; the slice ends at the same place all the same.
with slice as materialized (
  select document_id from sluice.document
  where resource = $1 and document_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
  order by document_id limit $3
),
locked as materialized (
  select d.document_id from slice s join sluice.document d on d.document_id = s.document_id
  order by d.document_id for no key update of d
)
select (select document_id from slice order by document_id desc limit 1) as last,
       array(select document_id from locked) as document_ids;

-- name: findGone
-- Of these documents those that are no more, or no longer of these resources.
select g.document_id from unnest($1::uuid[]) as g (document_id)
where not exists (select from sluice.document d where d.document_id = g.document_id and d.resource = any($2::text[]))
order by g.document_id;

-- name: advanceRebuild
-- Notes how far a rebuild has come, unless another one was here meanwhile. $3, $4: where it was; $5, $6: where it is.
update sluice.projection
set rebuild_resource = $5, rebuild_after = $6, rebuilt_documents = rebuilt_documents + $7,
    needs_rebuild = $5::text is not null,
    rebuilt_at = case when $5::text is null then clock_timestamp() end
where name = $1 and version = $2 and rebuild_resource = $3 and rebuild_after is not distinct from $4
returning rebuilt_documents;
