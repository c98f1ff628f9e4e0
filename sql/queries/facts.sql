-- name: readAliases
-- Which of these identities exist? For missing ones that are referred to: does a write in the intake provide one? $1:
-- identities that the batch provides; $2: identities that it refers to; $3: its writes, which do not count.
select referential_id, document_id, false as is_pending from sluice.alias where referential_id = any($1::uuid[])
union all
select k.referential_id, a.document_id,
       a.document_id is null and exists (
         select from sluice.intake i
         where i.referential_id = k.referential_id and i.operation <> 'delete' and i.write_id <> all($3::uuid[])
         union all
         select from sluice.intake i
         where i.superclass_id = k.referential_id and i.operation <> 'delete' and i.write_id <> all($3::uuid[]))
from unnest($2::uuid[]) as k (referential_id)
left join sluice.alias a on a.referential_id = k.referential_id;

-- name: lockDocuments
-- The documents that the batch may write, as they are now, locked in the order of their ids.
select document_id, resource, referential_id, superclass_id, version, content_hash, lane, changed_lane
from sluice.document
where document_id = any($1::uuid[])
order by document_id
for no key update;

-- name: lockFreeDocuments
-- The same without waiting: a row that another transaction has locked is returned as locked, without its contents.
with free as materialized (
  select document_id, resource, referential_id, superclass_id, version, content_hash, lane, changed_lane
  from sluice.document
  where document_id = any($1::uuid[])
  order by document_id
  for no key update skip locked
)
select document_id, resource, referential_id, superclass_id, version, content_hash, lane, changed_lane, false as is_locked
from free
union all
select document_id, null, null, null, null, null, null, null, true
from sluice.document
where (select count(*) from free) < cardinality($1::uuid[])
  and document_id = any($1::uuid[]) and document_id <> all(array(select document_id from free));

-- name: lockReferred
-- After a wait for a lock in vain: takes the locks that references will need on their aliases, and returns which of
-- these rows another transaction has locked.
with free as materialized (
  select referential_id from sluice.alias where referential_id = any($1::uuid[])
  order by referential_id for key share skip locked
)
select referential_id from sluice.alias
where referential_id = any($1::uuid[]) and referential_id <> all(array(select referential_id from free));

-- name: lockTaken
-- The same for the rows by which these writes leave the intake.
with free as materialized (
  select write_id from sluice.intake where write_id = any($1::uuid[]) order by write_id for update skip locked
)
select write_id from sluice.intake
where write_id = any($1::uuid[]) and write_id <> all(array(select write_id from free));

-- name: lockParts
-- The same for other rows of documents. $1: documents that may lose references; $2: documents that may be deleted or
-- lose an identity.
with parts as materialized (
  select r.document_id from sluice.reference r where r.document_id = any($1::uuid[])
  order by r.referential_id, r.document_id for update skip locked
),
names as materialized (
  select a.document_id from sluice.alias a where a.document_id = any($2::uuid[])
  order by a.referential_id for update skip locked
),
documents as materialized (
  select d.document_id from sluice.document d where d.document_id = any($2::uuid[])
  order by d.document_id for update skip locked
)
select w.document_id
from (select unnest($1::uuid[]) union select unnest($2::uuid[])) as w (document_id)
where (select count(*) from parts p where p.document_id = w.document_id)
        < (select count(*) from sluice.reference r where r.document_id = w.document_id and w.document_id = any($1::uuid[]))
   or (select count(*) from names n where n.document_id = w.document_id)
        < (select count(*) from sluice.alias a where a.document_id = w.document_id and w.document_id = any($2::uuid[]))
   or (select count(*) from documents d where d.document_id = w.document_id)
        < (select count(*) from sluice.document d where d.document_id = w.document_id and w.document_id = any($2::uuid[]))
order by w.document_id;

-- name: limitLockWait
-- Sets how long this transaction waits for a lock, in milliseconds.
select set_config('lock_timeout', $1::text, true);

-- name: readReferences
-- The references of these documents.
select document_id, array_agg(referential_id) as reference_ids
from sluice.reference
where document_id = any($1::uuid[])
group by document_id;

-- name: readReferrers
-- The documents that refer to these documents: at most $2 of each, enough to know whether any is left outside of the
-- batch.
select a.document_id, r.document_id as referrer_id, r.resource
from sluice.alias a
cross join lateral (
  select d.document_id, d.resource
  from sluice.reference r
  join sluice.document d on d.document_id = r.document_id
  where r.referential_id = a.referential_id and r.document_id <> a.document_id
  limit $2
) r
where a.document_id = any($1::uuid[]);

-- name: readKeys
-- The settled writes of these idempotency keys. Without a result, retention has deleted the outcome.
select k.client, k.key, k.fingerprint, k.write_id,
       o.result, o.code, o.resource, o.document_id, o.version, o.content_hash, o.detail
from unnest($1::text[], $2::text[]) as w (client, key)
cross join lateral (
  select client, key, fingerprint, write_id from sluice.idempotency_key where client = w.client and key = w.key offset 0) k
left join lateral (select * from sluice.outcome where write_id = k.write_id offset 0) o on true;

-- name: readSettled
-- Which of these writes are settled already?
select write_id from sluice.outcome where write_id = any($1::uuid[]);

-- name: readAhead
-- Writes in the intake that may come before those of a batch in a document's order. $1: identities that the batch
-- provides; $2: documents that it names by their ids; $3: its own writes, which block no other; $4: the position of its
-- last write; null: the batch bypasses the intake, so every write there comes before it. A ready write that never was
-- blocked is in an earlier batch or in this one. One that was blocked may be ready again while a batch of blocked
-- writes, such as a cycle, is settled. A document is found under each of its names: by its identities, and by the writes
-- that name its id.
with named as (
  select unnest($1::uuid[]) as referential_id
  union
  select d.referential_id from sluice.document d where d.document_id = any($2::uuid[])
  union
  select d.superclass_id from sluice.document d where d.document_id = any($2::uuid[]) and d.superclass_id is not null
),
meant as (
  select unnest($2::uuid[]) as document_id
  union
  select a.document_id from sluice.alias a where a.referential_id = any($1::uuid[])
),
found as (
  select i.* from named n cross join lateral (
    select write_id, position, document_id, referential_id, superclass_id, was_blocked from sluice.intake
    where referential_id = n.referential_id
    union all
    select write_id, position, document_id, referential_id, superclass_id, was_blocked from sluice.intake
    where superclass_id = n.referential_id
    offset 0) i
  union
  -- The write that creates the document, or has, and those that mean its id.
  select i.* from meant m cross join lateral (
    select write_id, position, document_id, referential_id, superclass_id, was_blocked from sluice.intake
    where write_id = m.document_id
    union all
    select write_id, position, document_id, referential_id, superclass_id, was_blocked from sluice.intake
    where document_id = m.document_id and operation in ('update', 'delete')
    offset 0) i
)
select f.write_id, f.position, f.document_id, f.referential_id, f.superclass_id,
       d.referential_id as held_referential_id, d.superclass_id as held_superclass_id
from found f
left join lateral (select referential_id, superclass_id from sluice.document where document_id = f.document_id offset 0) d
  on true
where ($4::bigint is null or f.was_blocked and f.position < $4::bigint) and f.write_id <> all($3::uuid[]);

-- name: readEarlierWrites
-- For each of these documents, whose lane a change of identity has changed: the first write in the intake that means its
-- id, in any lane. Run after their rows are locked. $2: the writes of the batch, which block no other; $3: the position
-- of its last write.
select i.write_id, i.position, i.document_id, i.referential_id, i.superclass_id,
       d.referential_id as held_referential_id, d.superclass_id as held_superclass_id
from sluice.document d
cross join lateral (
  select write_id, position, document_id, referential_id, superclass_id from sluice.intake
  where document_id = d.document_id and operation in ('update', 'delete') and position < $3::bigint
    and write_id <> all($2::uuid[])
  order by position limit 1) i
where d.document_id = any($1::uuid[]);

-- name: readReferrerBodies
-- Documents that refer to one of these identities, locked in the order of their ids, with their bodies: at most $2
-- documents, and $3 bytes of bodies; later ones have no body. If another transaction has locked one of the others, it
-- is returned as locked, without its contents.
with referrer as materialized (
  select d.document_id, d.resource, d.referential_id, d.superclass_id, d.version, d.body
  from sluice.document d
  where d.document_id = any(array(
    select distinct r.document_id
    from (select document_id from sluice.reference where referential_id = any($1::uuid[]) offset 0) r
    order by r.document_id limit $2))
  order by d.document_id
  limit $2
  for no key update of d skip locked
)
select r.document_id, r.resource, r.referential_id, r.superclass_id, r.version,
       case when sum(octet_length(r.body::text)) over (order by r.document_id) <= $3 then r.body::text end as body,
       array(select f.referential_id from sluice.reference f where f.document_id = r.document_id) as reference_ids,
       false as is_locked
from referrer r
union all
(select r.document_id, null, null, null, null, null, null, true
 from (select document_id from sluice.reference where referential_id = any($1::uuid[]) offset 0) r
 where (select count(*) from referrer) < $2 and r.document_id <> all(array(select document_id from referrer))
 limit 1)
order by document_id;
