-- TRUNCATE leaves nothing half-way: documents, aliases and references go together. In a transaction whose snapshot is
-- older than the lock, the check would not see the rows that an inserter has committed meanwhile.
create or replace function sluice.check_isolation() returns void
language plpgsql as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise feature_not_supported
      using message = 'documents and aliases are removed in a transaction that is read committed';
  end if;
end
$$;
create or replace function sluice.check_nothing_is_left() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform sluice.check_isolation();
  if exists (select from sluice.reference) or exists (select from sluice.alias) or exists (select from sluice.document) then
    raise foreign_key_violation using message = 'documents, aliases and references are truncated together',
      schema = tg_table_schema, table = tg_table_name;
  end if;
  return null;
end
$$;
create trigger reference_leaves_nothing after truncate on sluice.reference
  for each statement execute function sluice.check_nothing_is_left();

-- No statement has used these since intake_document came.
drop index sluice.intake_blocked_referential;
drop index sluice.intake_blocked_superclass;
drop index sluice.intake_blocked_document;

-- An operator looks for dead letters by what is at hand.
create index dead_letter_document on sluice.dead_letter (document_id);
create index dead_letter_referential on sluice.dead_letter (referential_id);
create index dead_letter_idempotency_key on sluice.dead_letter (idempotency_key) where idempotency_key is not null;
