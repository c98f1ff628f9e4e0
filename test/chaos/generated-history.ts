// A sound run of any length, made up: what a check of it costs, and what to plant a violation in.

import type { HistoryEvent, Invoke, OutcomeRow, Truth } from './history.ts';

export interface GeneratedRun {
  history: HistoryEvent[];
  truth: Truth & { outcomes: OutcomeRow[] };
}

const docsOf = (operations: number): number => Math.max(1, Math.floor(operations / 4));

/** Creates, updates, reads, refusals and deletes over documents that refer to the one before. */
export function generateRun(operations: number): GeneratedRun {
  const history: HistoryEvent[] = [];
  const outcomes: OutcomeRow[] = [];
  const versions = new Map<number, { version: number; hash: string }>();
  const docs = docsOf(operations);
  for (let i = 0; i < operations; i++) {
    const doc = i % docs;
    const t = i * 2;
    const stored = versions.get(doc);
    const common = {
      type: 'invoke' as const,
      i,
      t,
      proc: i % 64,
      doc: `doc${doc}`,
      ifMatch: null,
      key: null,
    };
    if (stored !== undefined && i % 5 === 0) {
      const read: Invoke = { ...common, op: 'read', documentId: `id${doc}`, refs: [], hash: '' };
      history.push(read, {
        type: 'ok',
        i,
        t: t + 1,
        result: 'read',
        documentId: `id${doc}`,
        hash: stored.hash,
      });
      continue;
    }
    const hash = `hash${i}`;
    const refs = doc % 2 === 1 ? [`doc${doc - 1}`] : [];
    const version = (stored?.version ?? 0) + 1;
    const result = stored === undefined ? 'created' : 'updated';
    history.push({ ...common, op: 'upsert', documentId: null, refs, hash });
    history.push(
      i % 97 === 0
        ? { type: 'info', i, t: t + 1, code: 'outcome_unknown' }
        : { type: 'ok', i, t: t + 1, result, documentId: `id${doc}`, hash },
    );
    versions.set(doc, { version, hash });
    outcomes.push({
      writeId: `write${i}`,
      batchId: `batch${i >> 6}`,
      ordinal: i & 63,
      lane: doc % 16,
      term: 1,
      at: i,
      result,
      code: null,
      documentId: `id${doc}`,
      version,
      hash,
    });
  }
  const documents = [...versions].map(([doc, { version, hash }]) => ({
    documentId: `id${doc}`,
    referentialId: `doc${doc}`,
    version,
    hash,
  }));
  return {
    history,
    truth: {
      outcomes,
      documents,
      aliases: documents.map(({ documentId, referentialId }) => ({ documentId, referentialId })),
      references: [...versions.keys()]
        .filter((doc) => doc % 2 === 1)
        .map((doc) => ({ documentId: `id${doc}`, referentialId: `doc${doc - 1}` })),
      intake: [],
      unledLanes: [],
      unanswered: [],
      samples: [0, 0],
      leaks: 0,
    },
  };
}
