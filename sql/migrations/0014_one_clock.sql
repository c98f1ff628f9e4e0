-- The database's clock alone decides what is old. An outcome's age counts from its settling; the id of its write tells
-- only what a node's clock said when the write was made.
create index outcome_settled on sluice.outcome (settled_at);

create or replace view sluice.throughput as
select date_trunc('minute', o.settled_at) as minute, count(*) as writes, count(distinct o.batch_id) as batches,
       count(*) filter (where o.result in ('created', 'updated', 'unchanged', 'deleted')) as applied,
       count(*) filter (where o.result = 'refused') as refused,
       count(*) filter (where o.result = 'not_applied') as not_applied
from sluice.outcome o
where o.settled_at >= date_trunc('minute', statement_timestamp() - interval '9 minutes')
group by 1;
drop function sluice.write_id_floor(timestamptz);

-- An idempotency key lives as long as the outcome of its write: removing the outcome removes the key.
delete from sluice.idempotency_key k where not exists (select from sluice.outcome o where o.write_id = k.write_id);
create unique index idempotency_key_write on sluice.idempotency_key (write_id);
drop index sluice.idempotency_key_settled;
alter table sluice.idempotency_key drop column settled_at;

create function sluice.forget_keys() returns trigger
language plpgsql as $$
begin
  if tg_op = 'TRUNCATE' then
    delete from sluice.idempotency_key;
  else
    delete from sluice.idempotency_key where write_id = any (array(select write_id from gone));
  end if;
  return null;
end
$$;
create trigger outcome_takes_its_key_along after delete on sluice.outcome
  referencing old table as gone for each statement execute function sluice.forget_keys();
create trigger outcome_takes_all_keys_along after truncate on sluice.outcome
  for each statement execute function sluice.forget_keys();

-- How far the clock of each process is from the database's, as the process last measured it. For `sluice doctor` alone.
create table sluice.process_clock (
  clock_id uuid not null,
  measured_at timestamptz not null default clock_timestamp(),
  ahead_ms double precision not null,
  process_id integer not null,
  host text collate "C" not null,
  kind text collate "C" not null,
  constraint process_clock_pkey primary key (clock_id),
  constraint clock_is_of_a_node_or_a_writer check (kind in ('node', 'writer'))
);
