/**
 * One transaction for each document: begin, find invalid references, find the existing document by its alias, insert
 * document and alias, insert references, commit. Prepared statements, a pool of 32.
 */
import type pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { describe, type BenchDocument, type DescribedDocument } from '../workload/bench-model.ts';
import { connectAll, contenderPool } from './contender-pool.ts';
import type { Contender, ContenderOptions } from './contender.ts';

const findInvalid = {
  name: 'findInvalid',
  text: `select r.id from unnest($1::uuid[]) as r (id)
         where not exists (select from sluice.alias a where a.referential_id = r.id)`,
};
const findExisting = {
  name: 'findExisting',
  text: `select d.document_id, d.content_hash
         from sluice.alias a join sluice.document d on d.document_id = a.document_id
         where a.referential_id = $1 for no key update of d`,
};
const insertDocument = {
  name: 'insertDocument',
  text: `with document as (
           insert into sluice.document
             (document_id, lane, resource, referential_id, superclass_id, version, content_hash, body)
           values ($1, $2, $3, $4, $5, 1, $6, $7)
         )
         insert into sluice.alias (referential_id, document_id, lane)
         select id, $1, $2 from unnest(array[$4::uuid, $5::uuid]) as a (id) where id is not null`,
};
const insertReferences = {
  name: 'insertReferences',
  text: `insert into sluice.reference (document_id, referential_id, lane) select $1, id, $3 from unnest($2::uuid[]) as r (id)`,
};
const updateDocument = {
  name: 'updateDocument',
  text: `update sluice.document
         set version = version + 1, content_hash = $2, body = $3, modified_at = clock_timestamp() where document_id = $1`,
};

export class SeedDirect implements Contender {
  readonly #options: ContenderOptions;
  readonly #pool: pg.Pool;

  constructor(options: ContenderOptions) {
    this.#options = options;
    this.#pool = contenderPool(options, 'seed-direct');
  }

  start(): Promise<void> {
    return connectAll(this.#pool);
  }

  async submit(document: BenchDocument): Promise<void> {
    const { model, lanes } = this.#options;
    const described = describe(model, document, lanes);
    const client = await this.#pool.connect();
    try {
      await write(client, described);
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#pool.end();
  }
}

async function write(client: pg.PoolClient, document: DescribedDocument): Promise<void> {
  const { referentialId, superclassId, referenceIds, contentHash, resource, lane, body } = document;
  await client.query('begin');
  if (referenceIds.length > 0) {
    const invalid = await client.query({ ...findInvalid, values: [referenceIds] });
    if (invalid.rows.length > 0) throw new Error('Cannot store the document: a reference is invalid');
  }
  const existing = await client.query<{ document_id: string; content_hash: string }>({
    ...findExisting,
    values: [referentialId],
  });
  const [found] = existing.rows;
  if (found === undefined) {
    const id = uuidv7();
    await client.query({
      ...insertDocument,
      values: [id, lane, resource, referentialId, superclassId, contentHash, body],
    });
    if (referenceIds.length > 0)
      await client.query({ ...insertReferences, values: [id, referenceIds, lane] });
  } else if (found.content_hash !== contentHash) {
    // References stay, because no workload changes them.
    await client.query({ ...updateDocument, values: [found.document_id, contentHash, body] });
  }
  await client.query('commit');
}
