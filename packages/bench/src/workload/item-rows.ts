/**
 * Millions of items, made by the server in sets: each row equals the result of a write of the same item, including
 * id, body, hash, lane and references. Only the referentialIds, SHA-1 of a name, are computed here.
 */
import { laneOf, referentialIdOf } from 'sluice/model';
import type pg from 'pg';
import { benchModel, parentDocument, describe, parents, prose } from './bench-model.ts';
import { itemBytes } from './workload.ts';

export interface ItemRows {
  /** Prefix of each identity, followed by the number. */
  prefix: string;
  /** Number of the first item, from which parents and text follow, as from the salt of an item. */
  from: number;
  count: number;
  lanes: number;
}

/** Rows in one statement: some ten megabytes of bodies. */
const rowsAtOnce = 20_000;
/** Items per millisecond, by the times in their ids. */
const perMillisecond = 20;

/** $1: number of the first; $2: referentialIds in order; $3: lanes of these; $4: prefix; $5: prose; $6: ids of the parents; $7: bytes; $8: now. */
const item = `
  numbered as (
    select $1::bigint + ordinality - 1 as number, referential_id, lane
    from unnest($2::uuid[], $3::smallint[]) with ordinality as r (referential_id, lane, ordinality)
  ),
  headed as (
    select *, lpad(to_hex($8::bigint + ordinality_ms), 12, '0') as hex,
           format('"itemId":"%s%s"', $4::text, number) as identity,
           format('"firstReference":{"parentId":"parent-%s"}', first) as first_reference,
           format('"secondReference":{"parentId":"parent-%s"}', second) as second_reference
    from (select *, number / ${perMillisecond} as ordinality_ms, number % ${parents} as first,
                 (number % ${parents} + 1 + number * 2654435761 % 4294967296 / 65536 % ${parents - 1}) % ${parents} as second
          from numbered) n
  ),
  sized as (
    select *, $7::integer - length(identity) - length(first_reference) - length(second_reference) - 26 as length
    from headed
  ),
  written as (
    select *, format('"text":"%s"', convert_from(substr($5::bytea,
      (number * 40503 % 4294967296 % (length($5::bytea) - length))::integer + 1, length), 'UTF8')) as prose
    from sized
  ),
  item as (
    select number, referential_id, lane,
           overlay(gen_random_uuid()::text placing left(hex, 8) || '-' || right(hex, 4) || '-7' from 1 for 15)::uuid as id,
           array[($6::uuid[])[first + 1], ($6::uuid[])[second + 1]] as reference_ids,
           format('{%s,%s,%s,"version":0,%s}', identity, first_reference, second_reference, prose)::jsonb as body,
           translate(left(encode(substr(sha256(convert_to(format('{%s,%s,%s,%s,"version":0}',
             first_reference, identity, second_reference, prose), 'UTF8')), 1, 16), 'base64'), 22), '+/', '-_') as content_hash,
           to_timestamp(($8::bigint + ordinality_ms) / 1000.0) as made_at
    from written
  )`;

/** Stores them. The caller has disabled the triggers, whose checks are known to hold. */
const storeItems = `
  with ${item},
  made as materialized (select * from item),
  document as (
    insert into sluice.document
      (document_id, lane, resource, referential_id, version, content_hash, body, created_at, modified_at)
    select id, lane, 'bench/items', referential_id, 1, content_hash, body, made_at, made_at from made
  ),
  alias as (
    insert into sluice.alias (referential_id, document_id, lane) select referential_id, id, lane from made
  )
  insert into sluice.reference (document_id, referential_id, lane)
  select id, referred, lane from made cross join unnest(reference_ids) as r (referred)`;

/** Inserts them into the intake, as writes that a node has accepted. */
const queueItems = `
  with ${item}
  insert into sluice.intake
    (write_id, lane, operation, resource, document_id, referential_id, reference_ids, content_hash, client, node, body)
  select id, lane, 'upsert', 'bench/items', id, referential_id, reference_ids, content_hash, '', 1, body
  from item order by number`;

/** @param sessions Number of concurrent statements. */
export async function makeItems(
  sessions: readonly pg.Client[],
  what: 'store' | 'queue',
  { prefix, from, count, lanes }: ItemRows,
  onProgress: (made: number) => void,
): Promise<void> {
  const parentIds = Array.from(
    { length: parents },
    (_, parent) => describe(benchModel, parentDocument(parent), lanes).referentialId,
  );
  // Stored items are old, so that new ones come after them; waiting ones have just come.
  const tookMs = Math.ceil((from + count) / perMillisecond) + 1000;
  const began = Date.now() - (what === 'store' ? tookMs : 0);
  const text = what === 'store' ? storeItems : queueItems;
  let next = 0;
  let made = 0;
  const work = async (session: pg.Client): Promise<void> => {
    await session.query(`set work_mem = '256MB'`);
    while (next < count) {
      const at = next;
      next += rowsAtOnce;
      const ids = Array.from({ length: Math.min(rowsAtOnce, count - at) }, (_, index) =>
        referentialIdOf('Bench', 'Item', [{ path: '$.itemId', value: `${prefix}${from + at + index}` }]),
      );
      const itemLanes = ids.map((id) => laneOf(id, null, lanes));
      const values = [from + at, ids, itemLanes, prefix, proseBytes, parentIds, itemBytes, began];
      await session.query({ text, values });
      onProgress((made += ids.length));
    }
  };
  await Promise.all(sessions.map(work));
}

const proseBytes = Buffer.from(prose);
