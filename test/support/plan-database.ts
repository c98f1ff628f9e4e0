// The cases of plan-case.ts as documents of a model, with real ids, for the tables of PostgreSQL.

import { createHash } from 'node:crypto';
import type pg from 'pg';
import { contentHash, describeDocument, laneOf, parseModel, type Resource } from 'sluice/model';
import { defaults, type Write } from 'sluice/internal/protocol';
import { resourceOf, type Content, type PlanCase, type Submission } from './plan-case.ts';

const resources = ['student', 'school', 'district', 'section'];
const numberOf = (name: string): string => `${name}Number`;

export const model = parseModel({
  project: 'Plan',
  abstracts: [{ name: 'organization', identity: ['$.organizationNumber'] }],
  resources: resources.map((name) => ({
    name,
    endpoint: endpointOf(name),
    identity: [`$.${numberOf(name)}`],
    allowIdentityUpdates: name === 'section',
    ...(name === 'school' || name === 'district'
      ? { superclass: { resource: 'organization', identityPath: '$.organizationNumber' } }
      : {}),
    references: [...resources, 'organization'].map((target) => ({
      resource: target,
      paths: [{ identity: `$.${numberOf(target)}`, path: `$.${target}s[*].${numberOf(target)}` }],
    })),
  })),
});

function endpointOf(resource: string): string {
  return `plan/${resource}s`;
}

/** A UUID for a name; the same whenever asked. */
export function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `7${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

export function documentOf({ identity, references, payload }: Content): Record<string, unknown> {
  const document: Record<string, unknown> = {
    [numberOf(resourceOf(identity))]: Number(identity.slice(-1)),
    payload,
  };
  for (const name of references) {
    const target = resourceOf(name);
    const list = (document[`${target}s`] ??= []) as unknown[];
    list.push({ [numberOf(target)]: Number(name.slice(-1)) });
  }
  return document;
}

export function etagOf(content: Content): string {
  return contentHash(documentOf(content));
}

function describe(content: Content): ReturnType<typeof describeDocument> {
  return describeDocument(
    model.findEndpoint(endpointOf(resourceOf(content.identity))) as Resource,
    documentOf(content),
  );
}

export function writeOf(submission: Submission): Write {
  const { writeId, position, operation, resource, documentId, identity, content, ifMatch, client } =
    submission;
  const { referentialId, superclassId, references } = describe(
    content ?? { identity, references: [], payload: 0 },
  );
  return {
    writeId: uuidOf(writeId),
    position,
    operation,
    client,
    resource: endpointOf(resource),
    documentId: uuidOf(documentId),
    lane: laneOf(referentialId, superclassId, defaults.lanes),
    referentialId,
    superclassId,
    referenceIds: content === null ? [] : references.map((reference) => reference.referentialId),
    contentHash: content === null ? '' : etagOf(content),
    ifMatch: typeof ifMatch === 'object' && ifMatch !== null ? etagOf(ifMatch) : ifMatch,
    idempotencyKey: submission.key,
    referenceDeadline: submission.waits ? '2100-01-01T00:00:00.000Z' : null,
    wasBlocked: false,
    waitedSeconds: null,
    traceparent: null,
    form: null,
    node: 1,
    body: content === null ? null : JSON.stringify(documentOf(content)),
  };
}

/** Empties the tables and fills them with what a case begins with. */
export async function store(client: pg.Client, { stored, writes }: PlanCase): Promise<void> {
  await client.query(
    'truncate sluice.reference, sluice.alias, sluice.document, sluice.outcome, sluice.idempotency_key',
  );
  for (const { documentId, content } of stored) {
    const { referentialId, superclassId } = describe(content);
    await client.query(
      `insert into sluice.document (document_id, referential_id, superclass_id, version, lane, resource, content_hash, body)
       values ($1, $2, $3, 1, 0, $4, $5, $6)`,
      [
        uuidOf(documentId),
        referentialId,
        superclassId,
        endpointOf(resourceOf(content.identity)),
        etagOf(content),
        documentOf(content),
      ],
    );
    await client.query(
      'insert into sluice.alias (referential_id, document_id, lane) select unnest($1::uuid[]), $2, 0',
      [[referentialId, superclassId].filter((id) => id !== null), uuidOf(documentId)],
    );
  }
  for (const { documentId, content } of stored) {
    await client.query(
      'insert into sluice.reference (document_id, referential_id, lane) select $2, unnest($1::uuid[]), 0',
      [describe(content).references.map((reference) => reference.referentialId), uuidOf(documentId)],
    );
  }
  for (const write of writes.filter((each) => each.isSettledElsewhere)) {
    await client.query(
      `insert into sluice.outcome (write_id, batch_id, ordinal, lane, result, code, resource, client)
       values ($1, $1, 0, 0, 'not_applied', 'cancelled', $2, $3)`,
      [uuidOf(write.writeId), endpointOf(write.resource), write.client],
    );
  }
}

/** One line for each document: its row, its body, its identities and its references. */
export async function readTables(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{
    id: string;
    version: string;
    hash: string;
    body: object;
    ids: string[];
    refs: string[];
  }>(
    `select d.document_id as id, d.version, d.content_hash as hash, d.body,
            array(select referential_id::text from sluice.alias a where a.document_id = d.document_id) as ids,
            array(select referential_id::text from sluice.reference r where r.document_id = d.document_id) as refs
     from sluice.document d`,
  );
  return rows
    .map(({ id, version, hash, body, ids, refs }) => lineOf(id, Number(version), hash, body, ids, refs))
    .toSorted();
}

/** The same, of a document of the sequential model. */
export function expectedLine(documentId: string, version: number, content: Content): string {
  const { referentialId, superclassId, references } = describe(content);
  const ids = [referentialId, superclassId].filter((id) => id !== null);
  const refs = references.map((reference) => reference.referentialId);
  return lineOf(uuidOf(documentId), version, etagOf(content), documentOf(content), ids, refs);
}

function lineOf(
  id: string,
  version: number,
  hash: string,
  body: object,
  ids: string[],
  refs: string[],
): string {
  const sorted = (list: string[]): string => list.toSorted().join(' ');
  return `${id} v${version} ${hash} ${contentHash(body)} is ${sorted(ids)} -> ${sorted(refs)}`;
}
