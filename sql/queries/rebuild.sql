-- name: listProjections
-- The projections that the deployment has agreed on, with the progress of each rebuild.
select name, version, needs_rebuild, rebuild_resource, rebuild_after, rebuilt_documents, rebuilt_at
from sluice.projection where version is not null order by name;

-- name: beginRebuild
-- Starts a rebuild with the documents of resource $3.
update sluice.projection
set needs_rebuild = true, rebuild_resource = $3, rebuild_after = null, rebuilt_documents = 0, rebuilt_at = null
where name = $1 and version = $2;

-- name: countDerivable
-- The number of documents of these resources.
select count(*) as documents from sluice.document where resource = any($1::text[]);

-- name: lockSlice
-- The next documents of a resource ($1) after one ($2), locked as a batch locks documents that it updates. A document
-- that is deleted meanwhile is not locked; the slice ends at the same place.
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
-- Those of these documents that no longer exist, or no longer belong to these resources.
select g.document_id from unnest($1::uuid[]) as g (document_id)
where not exists (select from sluice.document d where d.document_id = g.document_id and d.resource = any($2::text[]))
order by g.document_id;

-- name: advanceRebuild
-- Records the progress of a rebuild, unless another one has done so. $3, $4: the last place; $5, $6: the new place.
update sluice.projection
set rebuild_resource = $5, rebuild_after = $6, rebuilt_documents = rebuilt_documents + $7,
    needs_rebuild = $5::text is not null,
    rebuilt_at = case when $5::text is null then c.now end
from (select statement_timestamp() as now) c
where name = $1 and version = $2 and rebuild_resource = $3 and rebuild_after is not distinct from $4
returning rebuilt_documents;
