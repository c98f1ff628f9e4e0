-- name: lockProjection
-- Locks a projection, in a statement of its own, so that later reads see all commits of the previous holder.
select name from sluice.projection where name = $1 for no key update;

-- name: removeOrganizations
-- Deletes organizations without a document.
delete from sluice.organization where document_id = any($1::uuid[]);

-- name: placeOrganizations
-- Inserts organizations with their direct parents, read from their bodies. $1: documents; $2 to $4: by resource, the
-- path of the id and the paths of the parents (several for one resource are several rows).
with found as materialized (
  select d.document_id, (d.body #>> p.id_path::text[])::numeric::bigint as organization_id, d.resource,
         coalesce(array_agg(distinct (d.body #>> p.parent_path::text[])::numeric::bigint)
           filter (where d.body #>> p.parent_path::text[] is not null), '{}') as parent_ids
  from sluice.document d
  join unnest($2::text[], $3::text[], $4::text[]) as p (resource, id_path, parent_path) on p.resource = d.resource
  where d.document_id = any($1::uuid[])
  group by d.document_id, d.resource, p.id_path
),
placed as (
  insert into sluice.organization (document_id, organization_id, resource, parent_ids, ancestor_ids)
  select f.document_id, f.organization_id, f.resource, f.parent_ids, '{}' from found f order by f.document_id
  on conflict (document_id) do update
  set organization_id = excluded.organization_id, parent_ids = excluded.parent_ids
  returning 1
)
select count(*) as placed from placed;

-- name: deriveAncestors
-- Derives the ancestors of these organizations and of all below them, in any order of arrival.
with recursive affected as (
  select document_id, organization_id from sluice.organization where document_id = any($1::uuid[])
  union
  select o.document_id, o.organization_id
  from affected a
  join sluice.organization o on o.parent_ids @> array[a.organization_id]
),
above as (
  select document_id, organization_id as ancestor_id from affected
  union
  select a.document_id, p.parent_id
  from above a
  join sluice.organization o on o.organization_id = a.ancestor_id
  cross join lateral unnest(o.parent_ids) as p (parent_id)
),
derived as (
  select document_id, array_agg(ancestor_id order by ancestor_id) as ancestor_ids from above group by document_id
)
update sluice.organization o
set ancestor_ids = d.ancestor_ids
from derived d
where o.document_id = d.document_id and o.ancestor_ids <> d.ancestor_ids;

-- name: countStudentSchools
-- Updates links and counts for changed ($1) and deleted ($2) associations: old links are subtracted, new ones added,
-- one row for each student and school, in the order of their keys.
with before as (
  select document_id, student_id, school_id from sluice.student_school
  where document_id = any($1::uuid[]) or document_id = any($2::uuid[])
),
gone as (
  delete from sluice.student_school where document_id = any($2::uuid[])
),
after as (
  insert into sluice.student_school (document_id, student_id, school_id)
  select document_id, body #>> $3::text[], (body #>> $4::text[])::numeric::bigint
  from sluice.document
  where document_id = any($1::uuid[])
  order by document_id
  on conflict (document_id) do update set student_id = excluded.student_id, school_id = excluded.school_id
  returning student_id, school_id
),
change as (
  select student_id, school_id, sum(by)::integer as by
  from (
    select student_id, school_id, -1 as by from before
    union all
    select student_id, school_id, 1 from after
  ) c
  group by student_id, school_id
  having sum(by) <> 0
)
insert into sluice.student_school_authorization as s (student_id, school_id, associations)
select student_id, school_id, by from change
order by student_id, school_id
on conflict (student_id, school_id) do update set associations = s.associations + excluded.associations
returning s.student_id, s.school_id, s.associations;

-- name: dropUnauthorized
-- Deletes pairs without an association.
delete from sluice.student_school_authorization s
using unnest($1::text[], $2::bigint[]) as p (student_id, school_id)
where s.student_id = p.student_id and s.school_id = p.school_id and s.associations <= 0;

-- name: listOrganizations
-- Documents with derived organizations, in slices.
select document_id from sluice.organization
where document_id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') order by document_id limit $2;

-- name: listStudentSchools
-- Documents with derived links between students and schools, in slices.
select document_id from sluice.student_school
where document_id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') order by document_id limit $2;
