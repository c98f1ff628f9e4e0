/**
 * What is stored before anything is measured: the parents, the hot item, and so many items. Written in large statements
 *; each document looks exactly as a write would have left it.
 */
import type { Statement } from '@sluice/store';
import { Session } from '@sluice/store';
import { v7 as uuidv7 } from 'uuid';
import {
  benchModel,
  describe,
  itemDocument,
  parentDocument,
  parents,
  type BenchDocument,
} from './workload/bench-model.ts';
import { hotItemId, itemBytes, prefilledItemId } from './workload/workload.ts';

const rowsAtOnce = 2000;

export interface PrefillOptions {
  url: string;
  documents: number;
  lanes: number;
  onProgress: (stored: number) => void;
}

export async function prefill({ url, documents, lanes, onProgress }: PrefillOptions): Promise<void> {
  const open = (): Promise<Session> =>
    Session.open({ url, applicationName: 'sluice bench prefill', settings: { synchronous_commit: 'off' } });
  const first = await open();
  try {
    await store(
      first,
      Array.from({ length: parents }, (_, parent) => parentDocument(parent)),
      lanes,
    );
    await store(first, [itemDocument(hotItemId, itemBytes, 0)], lanes);
    for (let at = 0; at < documents; at += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, documents - at);
      const items = Array.from({ length: count }, (_, index) =>
        itemDocument(prefilledItemId(at + index), itemBytes, at + index),
      );
      await store(first, items, lanes);
      onProgress(at + count);
    }
    await first.query('vacuum (analyze)');
    await first.query('checkpoint');
  } finally {
    await first.close();
  }
}

async function store(session: Session, documents: readonly BenchDocument[], lanes: number): Promise<void> {
  const rows = documents.map((document) => ({ id: uuidv7(), ...describe(benchModel, document, lanes) }));
  const references = rows.flatMap((row) => row.referenceIds.map((id) => ({ row, id })));
  const statements: Statement[] = [
    { name: 'begin' },
    {
      name: 'insertDocuments',
      values: [
        rows.map((row) => row.id),
        rows.map((row) => row.lane),
        rows.map((row) => row.resource),
        rows.map((row) => row.referentialId),
        rows.map((row) => row.superclassId),
        rows.map(() => 1),
        rows.map((row) => row.contentHash),
        rows.map((row) => row.body),
      ],
    },
    {
      name: 'insertAliases',
      values: [rows.map((row) => row.referentialId), rows.map((row) => row.id), rows.map((row) => row.lane)],
    },
  ];
  if (references.length > 0) {
    statements.push({
      name: 'insertReferences',
      values: [
        references.map(({ row }) => row.id),
        references.map(({ id }) => id),
        references.map(({ row }) => row.lane),
      ],
    });
  }
  await session.flight([...statements, { name: 'commit' }]);
}
