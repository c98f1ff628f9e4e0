/** Makes a write of a request and of what its preparation has found. */
import { randomInt } from 'node:crypto';
import type { Write } from '#protocol';
import { laneOf } from '#model';
import type { RowRequest } from '#targets';
import type { WriteRequest } from './contract.ts';
import { newWriteId } from './write-id.ts';

/** A number of this process, which writers use in hints. Two equal numbers cost a few useless hints. */
export const ownNode: number = randomInt(1, 2 ** 31 - 1);

/** The position of a write without one: all writes in the intake came before it. */
export const behindAll = Number.MAX_SAFE_INTEGER;

/** The identity that decides the lane of a write. */
export interface PresentIdentity {
  referentialId: string;
  superclassId: string | null;
}

type WriteContent = Pick<Write, 'operation' | 'resource' | 'ifMatch' | 'superclassId'> &
  Pick<Write, 'referenceIds' | 'contentHash' | 'body' | 'form'> & {
    /** Null: the id of the write, so what it creates can be found while the write is under way. */
    documentId: string | null;
    /** Null: the id of the write, because the database gives the row its key. */
    referentialId: string | null;
    /** The present identity of the document. Null: the identity of the content decides the lane. */
    present: PresentIdentity | null;
  };

/**
 * One literal without a spread: a node makes thousands of these a second, and a spread makes it five times as slow.
 * @param now By the database's clock.
 */
export function newWrite(
  request: Pick<WriteRequest | RowRequest, 'client' | 'idempotencyKey' | 'waitForReferencesSeconds'>,
  content: WriteContent,
  lanes: number,
  now: number,
): Write {
  const writeId = newWriteId(now);
  const wait = request.waitForReferencesSeconds ?? null;
  const { superclassId, present } = content;
  const referentialId = content.referentialId ?? writeId;
  return {
    writeId,
    position: behindAll,
    operation: content.operation,
    resource: content.resource,
    documentId: content.documentId ?? writeId,
    ifMatch: content.ifMatch,
    client: request.client ?? '',
    idempotencyKey: request.idempotencyKey ?? null,
    referenceDeadline: wait === null ? null : new Date(now + wait * 1000).toISOString(),
    wasBlocked: false,
    node: ownNode,
    waitedSeconds: null,
    traceparent: null,
    form: content.form,
    lane:
      present === null
        ? laneOf(referentialId, superclassId, lanes)
        : laneOf(present.referentialId, present.superclassId, lanes),
    referentialId,
    superclassId,
    referenceIds: content.referenceIds,
    contentHash: content.contentHash,
    body: content.body,
  };
}
