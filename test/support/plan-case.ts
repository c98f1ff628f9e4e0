// Small worlds for proving the plan: a few documents, and writes that get in each other's way as often as possible.
// Everything has a name that can be read in a counterexample; plan-database.ts turns names into ids.

import fc from 'fast-check';
import type { Operation, WriteHeader } from 'sluice/internal/protocol';

/** A document: who it is (`school:1`), whom it refers to, and the rest. */
export interface Content {
  identity: string;
  references: string[];
  payload: number;
}

export interface Submission {
  writeId: string;
  position: number;
  lane: number;
  /** The round in which it reaches the intake. */
  arrives: number;
  operation: Operation;
  resource: string;
  documentId: string;
  /** Upsert and update: the identity in the body. Delete: the document's, as far as the node knew. */
  identity: string;
  content: Content | null;
  ifMatch: '*' | 'stale' | Content | null;
  client: string;
  key: string | null;
  /** May wait for references that no client has submitted. */
  waits: boolean;
  /** Settled by somebody else before any batch saw it. */
  isSettledElsewhere: boolean;
}

export interface PlanCase {
  stored: { documentId: string; content: Content }[];
  writes: Submission[];
  /** What is drained in the first rounds; after them, everything. */
  rounds: { lanes: number[]; writesMax: number }[];
}

const identities = [
  'student:0',
  'student:1',
  'student:2',
  'school:0',
  'school:1',
  'district:0',
  'district:1',
];
const renamable = ['section:0', 'section:1', 'section:2'];
const every = [...identities, ...renamable];
const referable = [...every, 'organization:0', 'organization:1'];

export function resourceOf(identity: string): string {
  return identity.slice(0, identity.indexOf(':'));
}

export function superclassOf(identity: string): string | null {
  const [resource, number] = identity.split(':');
  return resource === 'school' || resource === 'district' ? `organization:${number}` : null;
}

/** The names by which others may refer to a document. */
export function namesOf(identity: string): string[] {
  const superclass = superclassOf(identity);
  return superclass === null ? [identity] : [identity, superclass];
}

export function allowsIdentityUpdate(resource: string): boolean {
  return resource === 'section';
}

/** A client's idempotency key, written as the plan writes it. */
export function keyOfSubmission({ client, key }: Submission): string | null {
  return key === null ? null : `${client}\u0000${key}`;
}

export function hashOf({ identity, references, payload }: Content): string {
  return `${identity} #${payload} -> ${references.join(' ')}`;
}

export function headerOf(write: Submission): WriteHeader {
  const { writeId, position, lane, operation, resource, documentId, content, ifMatch, client } = write;
  return {
    writeId,
    position,
    lane,
    operation,
    resource,
    documentId,
    client,
    referentialId: write.identity,
    superclassId: superclassOf(write.identity),
    referenceIds: content?.references ?? [],
    contentHash: content === null ? '' : hashOf(content),
    ifMatch: typeof ifMatch === 'object' && ifMatch !== null ? hashOf(ifMatch) : ifMatch,
    idempotencyKey: write.key,
    referenceDeadline: write.waits ? '2100-01-01T00:00:00.000Z' : null,
    wasBlocked: false,
    waitedSeconds: null,
    traceparent: null,
    form: null,
    node: 1,
  };
}

const references: fc.Arbitrary<string[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<string[]>([]) },
  {
    weight: 5,
    arbitrary: fc
      .uniqueArray(fc.constantFrom(...referable), { minLength: 1, maxLength: 2 })
      .map((names) => names.sort()),
  },
);

const content: fc.Arbitrary<Content> = fc.record({
  identity: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...identities) },
    { weight: 1, arbitrary: fc.constantFrom(...renamable) },
  ),
  references,
  payload: fc.nat(1),
});

const rarely = (weight: number): fc.Arbitrary<boolean> =>
  fc.oneof({ weight: 20 - weight, arbitrary: fc.constant(false) }, { weight, arbitrary: fc.constant(true) });

const draft = fc.record({
  content,
  operation: fc.oneof(
    { weight: 9, arbitrary: fc.constant<Operation>('upsert') },
    { weight: 3, arbitrary: fc.constant<Operation>('update') },
    { weight: 2, arbitrary: fc.constant<Operation>('delete') },
  ),
  target: fc.nat(30),
  renames: rarely(8),
  ifMatch: fc.oneof(
    { weight: 16, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constant('*' as const) },
    { weight: 3, arbitrary: fc.nat(9) },
  ),
  key: fc.oneof(
    { weight: 6, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom('k1', 'k2') },
  ),
  client: fc.oneof(
    { weight: 4, arbitrary: fc.constant('ann') },
    { weight: 1, arbitrary: fc.constant('bob') },
  ),
  waits: rarely(3),
  /** The same request once more, as an earlier write of the case. */
  repeats: fc.oneof({ weight: 7, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(9) }),
  arrives: fc.nat(2),
  isSettledElsewhere: rarely(1),
});

type Draft = typeof draft extends fc.Arbitrary<infer T> ? T : never;

export interface PlanCaseOptions {
  /** @default 12 */
  writesMax?: number;
}

export function planCase(options: PlanCaseOptions = {}): fc.Arbitrary<PlanCase> {
  const parts = fc
    .record({
      stored: fc.uniqueArray(content, { maxLength: 5, selector: ({ identity }) => namesOf(identity).at(-1) }),
      drafts: fc.array(draft, { minLength: 1, maxLength: options.writesMax ?? 12, size: 'max' }),
      rounds: fc.array(
        fc.record({
          lanes: fc.constantFrom<number[]>([0, 1], [0, 1], [0], [1]),
          writesMax: fc.constantFrom(20, 20, 4, 2),
        }),
        { minLength: 3, maxLength: 5 },
      ),
    })
    .map(({ stored, drafts, rounds }) => build(stored, drafts, rounds));
  // Values near zero are nothing special here.
  return fc.noBias(parts);
}

function build(contents: Content[], drafts: Draft[], rounds: PlanCase['rounds']): PlanCase {
  const known = new Set(contents.flatMap(({ identity }) => namesOf(identity)));
  const stored = contents.map((each, index) => ({
    documentId: `stored:${index}`,
    content: { ...each, references: each.references.filter((name) => known.has(name)) },
  }));
  const targets = stored.map(({ documentId, content: { identity } }) => ({ documentId, identity }));
  const writes: Submission[] = [];
  for (const each of drafts.toSorted((one, other) => one.arrives - other.arrives)) {
    const write = submissionOf(each, writes, stored, targets);
    if (write.operation === 'upsert') {
      targets.push({ documentId: write.documentId, identity: write.identity });
    }
    writes.push(write);
  }
  return { stored, writes, rounds };
}

function submissionOf(
  { content, operation, target, renames, ifMatch, repeats, ...rest }: Draft,
  writes: readonly Submission[],
  stored: PlanCase['stored'],
  targets: readonly { documentId: string; identity: string }[],
): Submission {
  const position = writes.length + 1;
  const writeId = `write:${position}`;
  const common = { ...rest, position, writeId };
  const repeated = repeats === null ? undefined : writes[repeats % Math.max(writes.length, 1)];
  if (repeated !== undefined) {
    const { arrives, isSettledElsewhere } = rest;
    const documentId = repeated.operation === 'upsert' ? `by ${writeId}` : repeated.documentId;
    return { ...repeated, position, writeId, documentId, arrives, isSettledElsewhere };
  }
  let documentId = `by ${writeId}`;
  let { identity } = content;
  let known = identity;
  if (operation !== 'upsert') {
    // Now and then a document that nobody knows.
    const meant = target === 30 ? undefined : targets[target % targets.length];
    documentId = meant?.documentId ?? 'nowhere';
    known = meant?.identity ?? identity;
    const isSibling = resourceOf(identity) === resourceOf(known);
    if (!renames || operation === 'delete') identity = known;
    else if (!isSibling) identity = `${resourceOf(known)}:${(Number(known.slice(-1)) + 1) % 2}`;
  }
  const body = operation === 'delete' ? null : { ...content, identity };
  const candidates = [...stored, ...writes].flatMap(({ content: each }) =>
    each !== null && each.identity === known ? [each] : [],
  );
  return {
    ...common,
    operation,
    resource: resourceOf(identity),
    documentId,
    identity,
    content: body,
    ifMatch: typeof ifMatch === 'number' ? (candidates[ifMatch % candidates.length] ?? 'stale') : ifMatch,
    lane: Number(known.slice(-1)) % 2,
  };
}

/** A case as a person reads it. */
export function describeCase({ stored, writes, rounds }: PlanCase): string {
  const told = (write: Submission): string => {
    const { operation, documentId, identity, content, ifMatch, key, client } = write;
    const notes = [
      operation === 'upsert' ? '' : `of ${documentId}`,
      ifMatch === null ? '' : `if ${typeof ifMatch === 'object' ? hashOf(ifMatch) : ifMatch}`,
      key === null ? '' : `key ${client}/${key}`,
      write.waits ? 'waits' : '',
      write.isSettledElsewhere ? 'settled elsewhere' : '',
      `lane ${write.lane}, round ${write.arrives}`,
    ].filter((note) => note !== '');
    const what = content === null ? identity : hashOf(content);
    return `${write.writeId}: ${operation} ${what} (${notes.join(', ')})`;
  };
  return [
    ...stored.map(({ documentId, content }) => `${documentId}: ${hashOf(content)}`),
    ...writes.map(told),
    `rounds ${rounds.map(({ lanes, writesMax }) => `${lanes.join('+')}<=${writesMax}`).join(' ')}`,
  ].join('\n');
}
