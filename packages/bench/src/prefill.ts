/**
 * The documents that are stored before a measurement: the parents, the hot item, and a number of items. Each equals
 * the result of a write.
 */
import { availableParallelism } from 'node:os';
import { Session } from 'sluice/internal/store';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import {
  benchModel,
  describe,
  itemDocument,
  parentDocument,
  parents,
  type BenchDocument,
} from './workload/bench-model.ts';
import { makeItems } from './workload/item-rows.ts';
import { hotItemId, itemBytes, prefilledItemPrefix } from './workload/workload.ts';

export interface PrefillOptions {
  url: string;
  documents: number;
  lanes: number;
  signal: AbortSignal;
  onProgress: (stored: number) => void;
}

export async function prefill({ url, documents, lanes, signal, onProgress }: PrefillOptions): Promise<void> {
  await storeFew(url, lanes);
  const sessions = Array.from(
    { length: Math.min(4, Math.max(1, availableParallelism())) },
    () => new pg.Client({ connectionString: url, application_name: 'sluice bench prefill' }),
  );
  const [first] = sessions as [pg.Client, ...pg.Client[]];
  try {
    for (const session of sessions) {
      await session.connect();
      await session.query('set synchronous_commit = off');
    }
    await first.query(triggers('disable'));
    const items = { prefix: prefilledItemPrefix, from: 0, count: documents, lanes };
    await makeItems(sessions, 'store', items, (made) => {
      signal.throwIfAborted();
      onProgress(made);
    });
    await first.query(triggers('enable'));
    await first.query('vacuum (analyze)');
    await first.query('checkpoint');
  } finally {
    await Promise.all(sessions.map((session) => session.end()));
  }
}

/** Their checks are known to hold, and their locks would leave traces in each row. */
function triggers(what: 'enable' | 'disable'): string {
  return ['document', 'alias', 'reference']
    .map((table) => `alter table sluice.${table} ${what} trigger user`)
    .join('; ');
}

/** Stores the parents and the hot item by Sluice's own statements. */
async function storeFew(url: string, lanes: number): Promise<void> {
  const session = await Session.open({ url, applicationName: 'sluice bench prefill' });
  try {
    const documents = Array.from({ length: parents }, (_, parent) => parentDocument(parent));
    await store(session, documents, lanes);
    await store(session, [itemDocument(hotItemId, itemBytes, 0)], lanes);
  } finally {
    await session.close();
  }
}

async function store(session: Session, documents: readonly BenchDocument[], lanes: number): Promise<void> {
  const rows = documents.map((document) => ({ id: uuidv7(), ...describe(benchModel, document, lanes) }));
  const references = rows.flatMap((row) => row.referenceIds.map((id) => ({ row, id })));
  await session.flight([
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
      // As if retention had deleted their outcomes.
      name: 'settleWrites',
      values: [
        uuidv7(),
        ...Array.from({ length: 12 }, () => []),
        false,
        rows.map((row) => row.referentialId),
        rows.map((row) => row.id),
        rows.map((row) => row.lane),
        references.map(({ row }) => row.id),
        references.map(({ id }) => id),
        references.map(({ row }) => row.lane),
        // Without projections, whatever the deployment has agreed on.
        null,
      ],
    },
    { name: 'commit' },
  ]);
}
