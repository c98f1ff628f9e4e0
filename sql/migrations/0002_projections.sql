-- Rows derived from documents by the projections that come with Sluice. Empty where they are not switched on.

-- One row a projection: whoever changes rows that depend on others of the same projection locks it first.
create table sluice.projection (
  name text collate "C" not null,
  constraint projection_pkey primary key (name)
);
insert into sluice.projection (name) values ('organization_hierarchy');

-- Education organizations with their direct parents and all their ancestors, themselves included.
create table sluice.organization (
  document_id uuid not null,
  organization_id bigint not null,
  resource text collate "C" not null,
  parent_ids bigint[] not null,
  ancestor_ids bigint[] not null,
  constraint organization_pkey primary key (document_id)
);
create index organization_organization on sluice.organization (organization_id);
create index organization_parent on sluice.organization using gin (parent_ids);

-- The student and the school of each association between them.
create table sluice.student_school (
  document_id uuid not null,
  student_id text collate "C" not null,
  school_id bigint not null,
  constraint student_school_pkey primary key (document_id)
);

-- Who may see a student by a school: how many associations say so. With sluice.organization it gives the
-- organizations above.
create table sluice.student_school_authorization (
  student_id text collate "C" not null,
  school_id bigint not null,
  associations integer not null,
  constraint student_school_authorization_pkey primary key (student_id, school_id)
);

create view sluice.student_organization as
select distinct a.student_id, unnest(o.ancestor_ids) as organization_id
from sluice.student_school_authorization a
join sluice.organization o on o.organization_id = a.school_id
where a.associations > 0;
