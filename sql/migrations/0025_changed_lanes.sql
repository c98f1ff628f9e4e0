-- A change of identity may give a document another lane, while earlier writes of the document wait in its former one. Null: the
-- document has its first lane.
alter table sluice.document add column changed_lane boolean;
