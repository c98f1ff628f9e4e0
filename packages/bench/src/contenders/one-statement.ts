/** The best that can be done without batching: checks and inserts of one document, or one row, in one prepared statement. */
import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import {
  describe,
  type BenchDocument,
  type DescribedDocument,
  type OrderRow,
} from '../workload/bench-model.ts';
import { isOfRows } from '../names.ts';
import { connectAll, contenderPool } from './contender-pool.ts';
import type { Contender, ContenderOptions } from './contender.ts';
import { insertRow, writeRow } from './row-statements.ts';

const insertAll = {
  name: 'insertAll',
  text: `with found as (
           select count(*) as references from unnest($8::uuid[]) as r (id)
           join sluice.alias a on a.referential_id = r.id
         ),
         document as (
           insert into sluice.document
             (document_id, lane, resource, referential_id, superclass_id, version, content_hash, body)
           select $1::uuid, $2::smallint, $3::text, $4::uuid, $5::uuid, 1, $6::text, $7::jsonb
           from found where found.references = cardinality($8::uuid[])
           returning document_id, lane
         ),
         alias as (
           insert into sluice.alias (referential_id, document_id, lane)
           select a.id, d.document_id, d.lane
           from document d cross join unnest(array[$4::uuid, $5::uuid]) as a (id) where a.id is not null
         ),
         reference as (
           insert into sluice.reference (document_id, referential_id, lane)
           select d.document_id, r.id, d.lane from document d cross join unnest($8::uuid[]) as r (id)
         )
         select count(*)::integer as stored from document`,
};

export class OneStatement implements Contender {
  readonly #options: ContenderOptions;
  readonly #pool: pg.Pool;

  constructor(options: ContenderOptions) {
    this.#options = options;
    this.#pool = contenderPool(options, 'one-statement');
  }

  start(): Promise<void> {
    return connectAll(this.#pool);
  }

  submit(document: BenchDocument): Promise<void> {
    if (isOfRows(this.#options.workload)) return writeRow(this.#pool, document);
    return this.store(describe(this.#options.model, document, this.#options.lanes));
  }

  insert(row: OrderRow): Promise<boolean> {
    return insertRow(this.#pool, row);
  }

  store(document: DescribedDocument): Promise<void> {
    return storeDocument(this.#pool, document);
  }

  async stop(): Promise<void> {
    await this.#pool.end();
  }
}

/** Stores a new document in one statement, in any transaction. */
export async function storeDocument(
  client: Pick<pg.ClientBase, 'query'>,
  document: DescribedDocument,
): Promise<void> {
  const { referentialId, superclassId, referenceIds, contentHash, resource, lane, body } = document;
  const values = [uuidv7(), lane, resource, referentialId, superclassId, contentHash, body, referenceIds];
  const { rows } = await client.query<{ stored: number }>({ ...insertAll, values });
  if (rows[0]?.stored !== 1) throw new Error('Cannot store the document: a reference is invalid');
}
