// A target beside documents, for tests: writes of the resource `parcels` are rows of a plain table, which one set-based
// statement writes for a whole batch.

import {
  emptySettlement,
  fingerprintOf,
  keyOf,
  outcomeOf,
  refusal,
  replay,
  TargetError,
  type Settlement,
  type SettledWrite,
  type Target,
  type TargetBatch,
} from 'sluice/internal/batch';
import type { Outcome, Write, WriteHeader } from 'sluice/internal/protocol';
import { DatabaseError } from 'sluice/internal/store';

/** The parts of a write that most tests of a target do not look at. */
export const plainWrite = {
  operation: 'upsert',
  superclassId: null,
  referenceIds: [],
  contentHash: 'hash',
  ifMatch: null,
  client: 'ann',
  idempotencyKey: null,
  referenceDeadline: null,
  wasBlocked: false,
  waitedSeconds: null,
  traceparent: null,
  form: null,
  node: 1,
} satisfies Partial<Write>;

export const parcels = 'parcels';

/** The owner is a document, and is looked for as the row is written; a box holds one parcel, looked at as the batch ends. */
export const parcelTable = `
  create table parcel (
    id uuid primary key,
    number integer not null constraint number_is_free unique,
    box integer constraint box_is_free unique deferrable initially deferred,
    weight integer not null constraint weight_is_positive check (weight > 0),
    owner uuid constraint owner_exists references sluice.document
  )`;

const writeParcels = `
  with given as (
    select w.id, w.operation, b.*
    from unnest($1::uuid[], $2::text[], $3::jsonb[]) as w (id, operation, body)
    left join lateral jsonb_to_record(w.body) as b (number integer, box integer, weight integer, owner uuid) on true
    order by w.id
  ),
  written as (
    insert into parcel as p (id, number, box, weight, owner)
    select id, number, box, weight, owner from given where operation = 'upsert'
    on conflict (id) do update
    set number = excluded.number, box = excluded.box, weight = excluded.weight, owner = excluded.owner
    where (p.number, p.box, p.weight, p.owner) is distinct from
          (excluded.number, excluded.box, excluded.weight, excluded.owner)
    returning id, case when xmax = 0 then 'created' else 'updated' end as result
  ),
  removed as (
    delete from parcel where id = any(array(select id from given where operation = 'delete')) returning id
  )
  select id, result from written union all select id, 'deleted' from removed`;

export const parcelTarget: Target = {
  name: 'table parcel',
  owns: (resource) => resource === parcels,
  settle: settleParcels,
};

async function settleParcels(batch: TargetBatch): Promise<Settlement> {
  const { transaction, writes } = batch;
  const settlement = emptySettlement();
  const replayed = await replaysOf(batch);
  const ahead = await readAhead(batch);
  /** Writes of one key keep their order: the first goes, the others with the next batches. */
  const first = new Map<string, WriteHeader>();
  for (const write of writes) {
    const outcome = replayed.get(write.writeId);
    const before = ahead.get(write.referentialId);
    if (outcome !== undefined) settlement.outcomes.push({ write, outcome });
    else if (before !== undefined && (transaction.bodies !== null || before.position < write.position))
      settlement.blocked.push({ write, awaits: [before.writeId] });
    else if (first.has(write.referentialId)) settlement.deferred.push(write);
    else first.set(write.referentialId, write);
  }
  const open = [...first.values()];
  const bodies = new Map<string, string>();
  for await (const [writeId, body] of transaction.bodiesOf(open)) bodies.set(writeId, body);
  const rows = await transaction.lend(
    'the table parcel',
    (lent) =>
      lent.query(writeParcels, [
        open.map((write) => write.referentialId),
        open.map((write) => write.operation),
        open.map((write) => bodies.get(write.writeId) ?? null),
      ]),
    faultOf,
  );
  const results = new Map(rows.map((row) => [row['id'], row['result'] as Outcome['result']]));
  settlement.outcomes.push(...open.map((write) => settledAs(write, results.get(write.referentialId))));
  settlement.keys.push(
    ...open.flatMap((write) => (keyOf(write) === null ? [] : [{ write, fingerprint: fingerprintOf(write) }])),
  );
  settlement.provided.push(...open.map((write) => write.referentialId));
  return {
    ...settlement,
    faultAtEnd: faultOf,
  };
}

/** By key: the write in the intake that comes before all others. */
async function readAhead({
  transaction,
  writes,
  hasBlocked,
}: TargetBatch): Promise<Map<string, { writeId: string; position: number }>> {
  const isIntake = transaction.bodies === null;
  if (isIntake && !hasBlocked) return new Map();
  const keys = [...new Set(writes.map((write) => write.referentialId))];
  const own = writes.map((write) => write.writeId);
  const rows = await transaction.run('readAhead', [keys, [], own, isIntake ? writes.at(-1)!.position : null]);
  const sorted = rows.toSorted((one, other) => (other['position'] as number) - (one['position'] as number));
  return new Map(
    sorted.map((row) => [
      row['referential_id'] as string,
      { writeId: row['write_id'] as string, position: row['position'] as number },
    ]),
  );
}

async function replaysOf({ transaction, writes }: TargetBatch): Promise<Map<string, Outcome>> {
  const keyed = writes.filter((write) => write.idempotencyKey !== null);
  const values = [keyed.map(({ client }) => client), keyed.map(({ idempotencyKey }) => idempotencyKey)];
  const rows = keyed.length === 0 ? [] : await transaction.run('readKeys', values);
  return new Map(
    keyed.flatMap((write) => {
      const row = rows.find(
        (each) => each['client'] === write.client && each['key'] === write.idempotencyKey,
      );
      if (row === undefined) return [];
      const outcome = row['result'] === null ? null : outcomeOf(row);
      return [[write.writeId, replay(write, { fingerprint: row['fingerprint'] as string, outcome })]];
    }),
  );
}

function settledAs(write: WriteHeader, result: Outcome['result'] | undefined): SettledWrite {
  if (write.operation === 'delete' && result === undefined)
    return { write, outcome: refusal(write, 'document_not_found') };
  const { writeId, resource, contentHash } = write;
  const documentId = write.referentialId;
  return {
    write,
    outcome: {
      writeId,
      result: result ?? 'unchanged',
      code: null,
      resource,
      documentId,
      version: null,
      contentHash,
      detail: null,
    },
  };
}

/** A number or a box that is taken is the client's affair; what else the table does not take is for an operator. */
function faultOf(cause: unknown): TargetError {
  const isTaken = cause instanceof DatabaseError && cause.sqlState === '23505';
  return new TargetError('table parcel', cause, isTaken ? { code: 'identity_conflict' } : null);
}
