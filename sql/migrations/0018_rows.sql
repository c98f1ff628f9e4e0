-- Writes to targets beside documents. A row may be inserted, which is an operation of its own; a row that is deleted is named by
-- the values of its key, which stand in the body; the form says which statement the write needs.

alter table sluice.intake
  add column form text collate "C",
  drop constraint operation_is_known,
  drop constraint write_has_body_unless_delete,
  add constraint operation_is_known check (operation in ('insert', 'upsert', 'update', 'delete')),
  add constraint write_has_body_unless_delete check (body is not null or operation = 'delete');

alter table sluice.dead_letter add column form text collate "C";

drop index sluice.intake_document;
create index intake_document on sluice.intake (document_id) where operation in ('update', 'delete');
