-- Writes that mean a document by its id may know it under an identity that it no longer has: who commits without the intake
-- asks for them. Upserts, which are most, are not in it.
create index intake_document on sluice.intake (document_id) where operation <> 'upsert';
