-- name: saveTargets
-- Keeps what the deployment has agreed on of its targets, for sluice.submit. $3: the key of each, as a JSON array.
with given as (
  select name, kind, array(select jsonb_array_elements_text(key)) as key
  from unnest($1::text[], $2::text[], $3::jsonb[]) as g (name, kind, key)
),
gone as (
  delete from sluice.target where name <> all($1::text[])
)
insert into sluice.target as t (name, kind, key)
select name, kind, key from given order by name collate "C"
on conflict (name) do update set kind = excluded.kind, key = excluded.key
where (t.kind, t.key) is distinct from (excluded.kind, excluded.key);
