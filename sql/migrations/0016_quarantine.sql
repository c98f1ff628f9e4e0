-- A lane in quarantine notes how many trials of its writes have begun in a row and not ended, and which write was tried alone.
-- Columns are changed and not replaced, so the rights on them stay. Writers of an older version lead on, but take no lane from
-- now on: their `openTerms` fails with 42703.
update sluice.lane
set tried_alone = case when tried_alone > 0 then tried_alone + 2 when tried = '{}' then 0 else 1 end;
alter table sluice.lane
  alter column tried drop default,
  alter column tried drop not null,
  alter column tried type uuid using case when tried_alone > 2 then tried[1] end;
alter table sluice.lane rename column tried_alone to trials;
