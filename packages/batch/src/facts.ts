/**
 * The facts that a plan is made on, and how they are read: identities in one snapshot, existing documents under row
 * locks in the order of their ids, so that an update is planned on what it will meet. A row that another transaction has
 * locked is a fact, too: nothing is known of it, and nobody waits for it here.
 */
import type { Outcome, WriteHeader } from '@sluice/protocol';
import type { Row, Session, Statement } from '@sluice/store';

export interface DocumentFact {
  documentId: string;
  resource: string;
  referentialId: string;
  superclassId: string | null;
  version: number;
  contentHash: string;
  lane: number;
  referenceIds: string[];
}

export interface Referrer {
  documentId: string;
  resource: string;
}

export interface Facts {
  /** Committed identities, of those that the batch provides or refers to, and whose they are. */
  aliases: Map<string, string>;
  /** Existing documents that the batch may write, locked. */
  documents: Map<string, DocumentFact>;
  /** Identities referred to that are not committed but on their way in the intake, outside of this batch. */
  pending: Set<string>;
  /** Documents that refer to a document which the batch may delete or rename. */
  referrers: Map<string, Referrer[]>;
  /** Settled writes by idempotency key, see {@link keyOf}. Without an outcome: it is no longer kept. */
  keys: Map<string, SettledKey>;
  /** Writes of the batch that were settled elsewhere. */
  settled: Set<string>;
  /**
   * By document id or identity: the write outside of the batch that stands first in that document's order, among the
   * blocked ones, and among all of the intake where the batch is of no intake.
   */
  blocked: Map<string, { writeId: string; position: number }>;
  /** Lanes whose rows this transaction has locked, apart from paused ones: where a node settles writes itself. */
  freeLanes: Set<number>;
  /** Ids of documents, and identities, whose rows another transaction has locked. */
  locked: Set<string>;
  /** Writes whose rows in the intake another transaction has locked. */
  lockedWrites: Set<string>;
}

export interface SettledKey {
  fingerprint: string;
  outcome: Outcome | null;
}

export function noFacts(): Facts {
  return {
    aliases: new Map(),
    documents: new Map(),
    pending: new Set(),
    referrers: new Map(),
    keys: new Map(),
    settled: new Set(),
    blocked: new Map(),
    freeLanes: new Set(),
    locked: new Set(),
    lockedWrites: new Set(),
  };
}

/** A client's idempotency key as one string; the separator cannot occur in a header. */
export function keyOf(write: Pick<WriteHeader, 'client' | 'idempotencyKey'>): string | null {
  return write.idempotencyKey === null ? null : `${write.client}\u0000${write.idempotencyKey}`;
}

/** What must be equal for two requests with one key to count as the same request. */
export function fingerprintOf(
  write: Pick<WriteHeader, 'operation' | 'resource' | 'contentHash' | 'documentId'>,
): string {
  const target = write.operation === 'upsert' ? '' : write.documentId;
  return `${write.operation} ${write.resource} ${target} ${write.contentHash}`;
}

export interface ReadFactsOptions {
  /** Look for writes settled elsewhere: after a conflict on an outcome. */
  withSettled: boolean;
  /** Look for blocked writes that stand before those of the batch: only where the lanes have any. */
  withBlocked: boolean;
  /** Look for all writes in the intake that stand before those of the batch, which is of no intake. */
  withAhead: boolean;
  /** Wait for documents that another transaction has locked: only where nobody else waits along. @default false */
  waitsForDocuments?: boolean;
  /** Look for every row that the batch may have to wait for, after one was waited for in vain. @default false */
  withLocks?: boolean;
  /** Statements to send ahead, in the same round trip. @default none */
  prefix?: readonly Statement[];
  /** Where fewer lanes than this are free no document is locked, and nothing more is read. @default 0 */
  lanesNeeded?: number;
}

/** How often facts are read again because a document changed hands before its lock was taken. */
const readsMax = 8;

/**
 * Reads the facts of a batch inside its transaction: one round trip where no document exists yet, two where some do.
 * Facts must not be older than the locks: when a document moved or went before its lock was taken, all is read again.
 */
export async function readFacts(
  session: Session,
  writes: readonly WriteHeader[],
  options: ReadFactsOptions,
): Promise<Facts> {
  for (let read = 1; ; read++) {
    const facts = noFacts();
    const prefix = read === 1 ? (options.prefix ?? []) : [];
    const first = [...prefix, ...firstStatements(writes, options)];
    absorb(facts, first, await session.flight(first));
    // One that has to wait for another changes nothing now, and would only keep that one from the document.
    const open = facts.blocked.size === 0 ? writes : writes.filter((write) => !isBehind(write, facts));
    const byId = open.filter((write) => write.operation !== 'upsert').map((write) => write.documentId);
    const documentIds = new Set(byId);
    for (const write of open) {
      for (const id of [write.referentialId, write.superclassId]) {
        const owner = id === null ? undefined : facts.aliases.get(id);
        if (owner !== undefined) documentIds.add(owner);
      }
    }
    if (documentIds.size === 0 || facts.freeLanes.size < (options.lanesNeeded ?? 0)) return facts;
    const ids = [...documentIds];
    const statements: Statement[] = [
      { name: options.waitsForDocuments === true ? 'lockDocuments' : 'lockFreeDocuments', values: [ids] },
      { name: 'readReferences', values: [ids] },
    ];
    // What a delete or a new identity takes away is locked in another mode than what is merely updated.
    if (options.withLocks === true) statements.push({ name: 'lockParts', values: [ids, byId] });
    if (byId.length > 0)
      statements.push({ name: 'readReferrers', values: [byId, Math.max(writes.length + 1, 100)] });
    absorb(facts, statements, await session.flight(statements));
    if (read === readsMax || !hasMoved(facts, open)) return facts;
  }
}

function firstStatements(writes: readonly WriteHeader[], options: ReadFactsOptions): Statement[] {
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
  const statements: Statement[] = [{ name: 'readAliases', values: [own, [...referred], writeIds] }];
  if (options.withLocks === true) {
    statements.push({ name: 'lockReferred', values: [[...referred]] });
    if (!options.withAhead) statements.push({ name: 'lockTaken', values: [writeIds] });
  }
  if (keys.length > 0) statements.push({ name: 'readKeys', values: [clients, keys] });
  if (options.withSettled) statements.push({ name: 'readSettled', values: [writeIds] });
  if (options.withBlocked || options.withAhead) {
    const documentIds = writes
      .filter((write) => write.operation !== 'upsert')
      .map((write) => write.documentId);
    // Ahead of the others: what is not found in the intake any more they see the effect of.
    if (options.withAhead) statements.unshift({ name: 'readAhead', values: [own, documentIds] });
    else statements.push({ name: 'readBlockedKeys', values: [own, documentIds, writeIds] });
  }
  return statements;
}

/** A write outside of the batch stands before it, as the plan will find by the same names, whatever its document holds. */
function isBehind(write: WriteHeader, { blocked, aliases }: Facts): boolean {
  const { documentId, referentialId, superclassId, operation, position } = write;
  const target = operation === 'upsert' ? aliases.get(referentialId) : documentId;
  return [documentId, referentialId, superclassId, target].some((name) => {
    const before = name === undefined || name === null ? undefined : blocked.get(name);
    return before !== undefined && before.position < position;
  });
}

/** True if an identity of the batch belongs to another document than the locked rows say. */
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

/** What each statement's rows say. */
const takers: Readonly<Record<string, (facts: Facts, row: Row) => void>> = {
  readAliases(facts, row) {
    const id = row['referential_id'] as string;
    if (row['document_id'] !== null) facts.aliases.set(id, row['document_id'] as string);
    else if (row['is_pending'] === true) facts.pending.add(id);
  },
  lockFreeTerms(facts, row) {
    if (row['is_paused'] !== true) facts.freeLanes.add(row['lane'] as number);
  },
  lockReferred(facts, row) {
    facts.locked.add(row['referential_id'] as string);
  },
  lockTaken(facts, row) {
    facts.lockedWrites.add(row['write_id'] as string);
  },
  lockParts(facts, row) {
    facts.locked.add(row['document_id'] as string);
  },
  readKeys(facts, row) {
    const key = keyOf({ client: row['client'] as string, idempotencyKey: row['key'] as string });
    const outcome = row['result'] === null ? null : outcomeOf(row);
    if (key !== null) facts.keys.set(key, { fingerprint: row['fingerprint'] as string, outcome });
  },
  readSettled(facts, row) {
    facts.settled.add(row['write_id'] as string);
  },
  readBlockedKeys: takeBefore,
  readAhead: takeBefore,
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

/** An outcome from a row of sluice.outcome. */
export function outcomeOf(row: Row): Outcome {
  return {
    writeId: row['write_id'] as string,
    result: row['result'] as Outcome['result'],
    code: row['code'] as Outcome['code'],
    resource: row['resource'] as string,
    documentId: row['document_id'] as string | null,
    version: row['version'] as number | null,
    contentHash: row['content_hash'] as string | null,
    detail: row['detail'] as Outcome['detail'],
  };
}
