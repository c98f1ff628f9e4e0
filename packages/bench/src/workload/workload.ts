/** The documents that the clients send, one after another. All contenders of a round get the same. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readModelFiles } from '@sluice/server/cli';
import { describeDocument, type Model } from 'sluice/model';
import { isOfRows, type WorkloadName } from '../names.ts';
import { benchModel, itemDocument, resourceOf, seededDraw, type BenchDocument } from './bench-model.ts';
import { rowSource } from './rows.ts';

export interface WorkloadOptions {
  name: WorkloadName;
  /** Documents stored before the measurement, see `prefill.ts`. */
  prefill: number;
  /** Distinguishes the processes of one measurement, so that they never make the same document. */
  share: { index: number; of: number };
  seed: number;
  /** Rows only: percentage of rows with the key of a stored one. @default 0 */
  duplicates?: number;
  /** `district` and `edfi` only. */
  district: { modelFiles: readonly string[]; file: string } | null;
}

export interface Workload {
  model: Model;
  /** Null: no further document. */
  next(): BenchDocument | null;
}

export const itemBytes = 500;
const largeBytes = 50_000;
export const hotItemId = 'hot';
export const prefilledItemPrefix = 'stored-';
const prefilledItemId = (number: number): string => `${prefilledItemPrefix}${number}`;

export async function openWorkload(options: WorkloadOptions): Promise<Workload> {
  if (options.name === 'district' || options.name === 'edfi') return openDistrict(options);
  return { model: benchModel, next: isOfRows(options.name) ? rowSource(options) : itemSource(options) };
}

function itemSource({ name, prefill, share, seed }: WorkloadOptions): () => BenchDocument {
  const draw = seededDraw(seed * 1000 + share.index);
  let count = 0;
  const insert = (bytes: number): BenchDocument =>
    itemDocument(`${seed}-${share.index}-${++count}`, bytes, Math.floor(draw() * 2 ** 31));
  switch (name) {
    case 'large':
      return () => insert(largeBytes);
    case 'hot':
      return () => itemDocument(hotItemId, itemBytes, 0, ++count * share.of + share.index);
    case 'upsert-mix': {
      if (prefill < 2) throw new Error('Cannot update: nothing is stored: --prefill is below 2');
      const half = Math.floor(prefill / 2);
      return () => {
        const choice = draw();
        const stored = Math.floor(draw() * half);
        if (choice < 0.5) return insert(itemBytes);
        // Half of the stored documents are updated; the other half is sent unchanged.
        if (choice < 0.8)
          return itemDocument(prefilledItemId(stored), itemBytes, stored, 1 + Math.floor(draw() * 1e9));
        return itemDocument(prefilledItemId(half + stored), itemBytes, half + stored);
      };
    }
    default:
      return () => insert(itemBytes);
  }
}

/** Documents in an order in which each follows those that it refers to; it is sent when they are stored. */
async function openDistrict({ name, district, share }: WorkloadOptions): Promise<Workload> {
  if (district === null) throw new Error('Cannot send a district: none was generated');
  if (share.of > 1) throw new Error('Cannot divide a district among several processes: --nodes is above 1');
  const model = await readModelFiles(district.modelFiles);
  const lines = readFileSync(district.file, 'utf8').split('\n').filter(Boolean);
  const known = new Map<string, Promise<void>>();
  const run = randomUUID();
  let at = 0;
  return {
    model,
    next() {
      const number = at++;
      const line = lines[number];
      if (line === undefined) return null;
      const { endpoint, document } = JSON.parse(line) as { endpoint: string; document: unknown };
      const { referentialId, superclassId, references } = describeDocument(
        resourceOf(model, endpoint),
        document,
      );
      let stored = (): void => undefined;
      const done = new Promise<void>((resolve) => (stored = resolve));
      known.set(referentialId, done);
      if (superclassId !== null) known.set(superclassId, done);
      const ready = Promise.all(references.flatMap((reference) => known.get(reference.referentialId) ?? []));
      // Clients of a deployment send a key with each request, so that they can repeat it.
      const key = name === 'edfi' ? { idempotencyKey: `${run}-${number}` } : {};
      // Unchanged from the line, because parsing and printing would change a large number.
      const body = line.slice(line.indexOf('"document":') + '"document":'.length, -1);
      return { endpoint, body, ...key, ready, stored };
    },
  };
}
