/**
 * Reads the facts of a batch: identities in one snapshot, and documents under row locks in the order of their ids, so
 * that an update is planned on the row that it changes. A row that another transaction has locked is not waited for
 * here.
 */
import type { WriteHeader } from '#protocol';
import type { Row, Statement } from '#store';
import { outcomeOf } from '../coordinator/answer.ts';
import { keyOf } from '../coordinator/idempotency.ts';
import type { TargetBatch } from '../coordinator/target.ts';
import { noFacts, type Facts } from './facts.ts';

/** Most reads of the facts, because a document may change between its read and its lock. */
const readsMax = 8;

/**
 * Reads the facts of a batch inside its transaction: one round trip if no document exists yet, two if some do; one less
 * if the identities were read together with the writes; one more for documents whose lane a change of identity has
 * changed. Facts must not be older than the locks: if a document changed before its lock was taken, all is read again.
 */
export async function readFacts(batch: TargetBatch): Promise<Facts> {
  const { transaction, writes, mayWait, hasBlocked, looksForLocks } = batch;
  for (let read = 1; ; read++) {
    const facts = noFacts();
    // Blocked writes that come first have to be read before the identities. A second read needs the present ones.
    const known = read === 1 && !hasBlocked && !looksForLocks ? transaction.known : null;
    const first = firstStatements(batch, known);
    for (const [id, documentId] of known ?? []) facts.aliases.set(id, documentId);
    for (const write of batch.ahead) takeAhead(facts, write);
    absorb(facts, first, await transaction.flight(first));
    // A write that has to wait for another changes nothing now, so it needs no lock on its document.
    const open = facts.blocked.size === 0 ? writes : writes.filter((write) => !isBehind(write, facts));
    const byId = open.filter((write) => write.operation !== 'upsert').map((write) => write.documentId);
    const documentIds = new Set(byId);
    for (const write of open) {
      for (const id of [write.referentialId, write.superclassId]) {
        const owner = id === null ? undefined : facts.aliases.get(id);
        if (owner !== undefined) documentIds.add(owner);
      }
    }
    if (documentIds.size === 0) return facts;
    const ids = [...documentIds];
    const statements: Statement[] = [
      { name: mayWait ? 'lockDocuments' : 'lockFreeDocuments', values: [ids] },
      { name: 'readReferences', values: [ids] },
    ];
    // Rows that a delete or a new identity removes need a stronger lock than updated rows.
    if (looksForLocks) statements.push({ name: 'lockParts', values: [ids, byId] });
    if (byId.length > 0)
      statements.push({ name: 'readReferrers', values: [byId, Math.max(writes.length + 1, 100)] });
    const answers = await transaction.flight(statements);
    absorb(facts, statements, answers);
    const changed = answers[0]?.rows.filter((row) => row['changed_lane'] === true) ?? [];
    // A batch outside of the intake has read all writes there.
    if (changed.length > 0 && transaction.bodies === null) {
      const earlier = earlierWrites(changed, writes);
      absorb(facts, earlier, await transaction.flight(earlier));
    }
    if (read === readsMax || !hasMoved(facts, open)) return facts;
  }
}

/** @param known Existing identities of the batch, which were read together with its writes; null: they were not. */
function firstStatements(
  { transaction, writes, hasBlocked, looksForLocks }: TargetBatch,
  known: ReadonlyMap<string, string> | null,
): Statement[] {
  const provided = new Set<string>();
  const referred = new Set<string>();
  const clients: string[] = [];
  const keys: string[] = [];
  for (const write of writes) {
    provided.add(write.referentialId);
    if (write.superclassId !== null) provided.add(write.superclassId);
    for (const id of write.referenceIds) referred.add(id);
    if (write.idempotencyKey !== null) {
      clients.push(write.client);
      keys.push(write.idempotencyKey);
    }
  }
  const own = [...provided];
  const writeIds = writes.map((write) => write.writeId);
  const bypassesIntake = transaction.bodies !== null;
  const statements: Statement[] = [];
  if (hasBlocked || bypassesIntake) {
    const named = writes.filter((write) => write.operation !== 'upsert').map((write) => write.documentId);
    // First, because the later reads then see the effect of writes that are no longer in the intake.
    statements.push({
      name: 'readAhead',
      values: bypassesIntake ? [own, named, [], null] : [own, named, writeIds, writes.at(-1)?.position ?? 0],
    });
  }
  // A write in the intake may provide a reference that did not exist.
  const unknown = known === null ? [...referred] : [...referred].filter((id) => !known.has(id));
  if (known === null || unknown.length > 0)
    statements.push({ name: 'readAliases', values: [known === null ? own : [], unknown, writeIds] });
  if (looksForLocks) statements.push({ name: 'lockReferred', values: [[...referred]] });
  if (keys.length > 0) statements.push({ name: 'readKeys', values: [clients, keys] });
  return statements;
}

/** Earlier writes of documents with a new lane may wait in the former one, which another session may lead. */
function earlierWrites(changed: readonly Row[], writes: readonly WriteHeader[]): Statement[] {
  const values = [
    changed.map((row) => row['document_id']),
    writes.map(({ writeId }) => writeId),
    writes.at(-1)?.position ?? 0,
  ];
  return [{ name: 'readEarlierWrites', values }];
}

/** Whether a write outside of the batch comes first, by the same names that the plan uses. */
function isBehind(write: WriteHeader, { blocked, aliases }: Facts): boolean {
  const { documentId, referentialId, superclassId, operation, position } = write;
  const target = operation === 'upsert' ? aliases.get(referentialId) : documentId;
  return [documentId, referentialId, superclassId, target].some((name) => {
    const before = name === undefined || name === null ? undefined : blocked.get(name);
    return before !== undefined && before.position < position;
  });
}

/** Whether an identity of the batch belongs to another document than the locked rows say. */
function hasMoved(facts: Facts, writes: readonly WriteHeader[]): boolean {
  return writes.some((write) =>
    [write.referentialId, write.superclassId].some((id) => {
      const owner = id === null ? undefined : facts.aliases.get(id);
      if (owner === undefined || facts.locked.has(owner)) return false;
      const document = facts.documents.get(owner);
      return document === undefined || (document.referentialId !== id && document.superclassId !== id);
    }),
  );
}

function absorb(facts: Facts, statements: readonly Statement[], results: readonly { rows: Row[] }[]): void {
  results.forEach(({ rows }, index) => {
    const take = takers[statements[index]?.name ?? ''];
    if (take !== undefined) for (const row of rows) take(facts, row);
  });
}

function takeBefore(facts: Facts, row: Row): void {
  const before = { writeId: row['write_id'] as string, position: row['position'] as number };
  const names = [
    'document_id',
    'referential_id',
    'superclass_id',
    'held_referential_id',
    'held_superclass_id',
  ];
  for (const id of names.map((name) => row[name] as string | null)) {
    const known = id === null ? undefined : facts.blocked.get(id);
    if (id !== null && (known === undefined || known.position > before.position))
      facts.blocked.set(id, before);
  }
}

/** A blocked write from an earlier part of the batch, which is not in the intake. */
function takeAhead({ blocked, pending }: Facts, write: WriteHeader): void {
  const { writeId, documentId, referentialId, superclassId, operation } = write;
  const ids = [referentialId, superclassId].filter((id) => id !== null);
  for (const name of [documentId, ...ids, keyOf(write)])
    if (name !== null && !blocked.has(name))
      blocked.set(name, { writeId, position: Number.NEGATIVE_INFINITY });
  if (operation !== 'delete') for (const id of ids) pending.add(id);
}

function takeDocument(facts: Facts, row: Row): void {
  facts.documents.set(row['document_id'] as string, {
    documentId: row['document_id'] as string,
    resource: row['resource'] as string,
    referentialId: row['referential_id'] as string,
    superclassId: row['superclass_id'] as string | null,
    version: row['version'] as number,
    contentHash: row['content_hash'] as string,
    lane: row['lane'] as number,
    referenceIds: [],
  });
}

/** Adds the rows of each statement to the facts. */
const takers: Readonly<Record<string, (facts: Facts, row: Row) => void>> = {
  readAliases(facts, row) {
    const id = row['referential_id'] as string;
    if (row['document_id'] !== null) facts.aliases.set(id, row['document_id'] as string);
    else if (row['is_pending'] === true) facts.pending.add(id);
  },
  lockReferred(facts, row) {
    facts.locked.add(row['referential_id'] as string);
  },
  lockParts(facts, row) {
    facts.locked.add(row['document_id'] as string);
  },
  readKeys(facts, row) {
    const key = keyOf({ client: row['client'] as string, idempotencyKey: row['key'] as string });
    const outcome = row['result'] === null ? null : outcomeOf(row);
    if (key !== null) facts.keys.set(key, { fingerprint: row['fingerprint'] as string, outcome });
  },
  readAhead: takeBefore,
  readEarlierWrites: takeBefore,
  lockDocuments: takeDocument,
  lockFreeDocuments(facts, row) {
    if (row['is_locked'] === true) facts.locked.add(row['document_id'] as string);
    else takeDocument(facts, row);
  },
  readReferences(facts, row) {
    const document = facts.documents.get(row['document_id'] as string);
    if (document !== undefined) document.referenceIds = row['reference_ids'] as string[];
  },
  readReferrers(facts, row) {
    const id = row['document_id'] as string;
    const referrers = facts.referrers.get(id) ?? [];
    referrers.push({ documentId: row['referrer_id'] as string, resource: row['resource'] as string });
    facts.referrers.set(id, referrers);
  },
};
