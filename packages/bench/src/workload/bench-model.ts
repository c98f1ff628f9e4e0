/** The documents of all workloads except `district`: items that refer to two of 200 parents. */
import { describeDocument, contentHash, laneOf, parseModel, type Model, type Resource } from 'sluice/model';

/** In the form of a model file. */
export const benchModelForm = {
  project: 'Bench',
  resources: [
    { name: 'Parent', endpoint: 'bench/parents', identity: ['$.parentId'] },
    {
      name: 'Item',
      endpoint: 'bench/items',
      identity: ['$.itemId'],
      references: [
        { resource: 'Parent', paths: [{ identity: '$.parentId', path: '$.firstReference.parentId' }] },
        { resource: 'Parent', paths: [{ identity: '$.parentId', path: '$.secondReference.parentId' }] },
      ],
    },
  ],
};

export const benchModel: Model = parseModel(benchModelForm);

export const parents = 200;

export interface BenchDocument {
  endpoint: string;
  /** JSON text. */
  body: string;
  /** For a workload of rows: the same as an object. */
  row?: OrderRow;
  /** The table has a row with its key, so it is refused. */
  isDuplicate?: boolean;
  /** Over HTTP: the `Idempotency-Key` header. */
  idempotencyKey?: string;
  /** Resolves when all documents that it refers to are stored. */
  ready?: Promise<unknown>;
  /** Call it when the document is stored. */
  stored?: () => void;
}

/** As the client of the library takes it, with the columns of the table. */
export interface OrderRow {
  id: number;
  customer_id: number;
  status: string;
  placed_at: string;
  amount: number;
  note: string;
}

/** What every node computes of a document before it asks the database. */
export interface DescribedDocument {
  resource: string;
  body: string;
  referentialId: string;
  superclassId: string | null;
  referenceIds: string[];
  contentHash: string;
  lane: number;
}

export function describe(model: Model, document: BenchDocument, lanes: number): DescribedDocument {
  const resource = resourceOf(model, document.endpoint);
  const parsed: unknown = JSON.parse(document.body);
  const { referentialId, superclassId, references } = describeDocument(resource, parsed);
  return {
    resource: resource.endpoint,
    body: document.body,
    referentialId,
    superclassId,
    referenceIds: references.map((reference) => reference.referentialId),
    contentHash: contentHash(parsed),
    lane: laneOf(referentialId, superclassId, lanes),
  };
}

export function resourceOf(model: Model, endpoint: string): Resource {
  const resource = model.findEndpoint(endpoint);
  if (resource === undefined) throw new Error(`Cannot find the resource in the model: ${endpoint}`);
  return resource;
}

export function parentDocument(parent: number): BenchDocument {
  return { endpoint: 'bench/parents', body: JSON.stringify({ parentId: `parent-${parent}` }) };
}

/**
 * An item of this many bytes. Its text is prose of a small vocabulary, which compresses about as well as real
 * documents.
 * @param salt selects parents and text, so that equal arguments give equal bodies
 */
export function itemDocument(itemId: string, bytes: number, salt: number, version = 0): BenchDocument {
  const first = salt % parents;
  const second = (first + 1 + ((Math.imul(salt, 2_654_435_761) >>> 16) % (parents - 1))) % parents;
  const head =
    `{"itemId":"${itemId}","firstReference":{"parentId":"parent-${first}"},` +
    `"secondReference":{"parentId":"parent-${second}"},"version":${version},"text":"`;
  const length = Math.max(0, bytes - head.length - 2);
  const from = (Math.imul(salt, 40_503) >>> 0) % (prose.length - length);
  return { endpoint: 'bench/items', body: `${head}${prose.slice(from, from + length)}"}` };
}

/** The source of the texts of all items. */
export const prose = writeProse(256 * 1024);

function writeProse(length: number): string {
  const draw = seededDraw(7);
  const words = Array.from({ length: 400 }, () => {
    const letters = 2 + Math.floor(draw() * 9);
    return Array.from({ length: letters }, () => String.fromCharCode(97 + Math.floor(draw() * 26))).join('');
  });
  let text = '';
  while (text.length < length) text += `${words[Math.floor(draw() * words.length)]} `;
  return text;
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
export function seededDraw(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
