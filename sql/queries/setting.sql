-- name: proposeSettings
-- The first process of a deployment decides; later ones compare.
insert into sluice.setting (name, value) select * from unnest($1::text[], $2::text[]) on conflict (name) do nothing;

-- name: readSettings
-- What this deployment has agreed on.
select name, value from sluice.setting
union all
select 'schema_version', max(version)::text from sluice.migration;

-- name: createLanes
-- A row for every lane.
insert into sluice.lane (lane) select n from generate_series(0, $1::integer - 1) as n on conflict (lane) do nothing;

-- name: maySettle
-- May this role settle writes, or only bring them into the intake?
select has_table_privilege('sluice.document', 'insert') as may_settle;

-- name: agreeProjections
-- Agrees on the projections $1, or, as $2 says, changes what is agreed; and what is agreed then.
select sluice.agree_projections($1::jsonb, $2::boolean) as agreed;
