/** The state that all routes share. */
import type { SluiceClient } from 'sluice/internal/client';
import { isId, SluiceError } from 'sluice/internal/protocol';
import type { Resource } from 'sluice/model';
import type { ByteBudget } from './byte-budget.ts';
import type { ClientQuota } from './client-quota.ts';
import type { JsonScanner } from './json-scanner.ts';
import type { ApiLimits } from './limits.ts';
import type { Profile } from './profile.ts';
import type { FastifyRequest } from 'fastify';

export interface ApiNode {
  client: SluiceClient;
  limits: ApiLimits;
  scanner: JsonScanner;
  quota: ClientQuota;
  /** Bytes of documents for answers under way. */
  reads: ByteBudget;
  /** Bytes of arrived bodies. */
  bodies: ByteBudget;
  /** The dialect for documents. */
  profile: Profile;
  /** Longest wait for an outcome, unless the request sets its own. */
  waitMs: number;
  /** Prefix of every path: empty, or `/v1`. */
  basePath: string;
  /** Scheme, host and port of absolute URLs. */
  originOf: (request: FastifyRequest) => string;
}

/** The parts of a node that a profile sees. */
export type ProfileNode = Omit<ApiNode, 'profile'>;

export type ProfileFactory = (node: ProfileNode) => Profile;

/** @throws {SluiceError} `endpoint_not_found` */
export function findResource(node: Pick<ApiNode, 'client'>, endpoint: string): Resource {
  const resource = node.client.model.findEndpoint(endpoint);
  if (resource === undefined) throw new SluiceError('endpoint_not_found');
  return resource;
}

/**
 * An id in the form of the database.
 * @throws {SluiceError} with the code, because no document or write has an id of another form
 */
export function readId(text: string, code: 'document_not_found' | 'write_not_found'): string {
  if (!isId(text)) throw new SluiceError(code);
  return text.toLowerCase();
}

/** A client that lets a write wait for references waits at least as long for its outcome. */
export function waitMsOf(
  node: ApiNode,
  waitSeconds: number | null,
  waitForReferencesSeconds: number | null,
): number {
  if (waitSeconds !== null) return waitSeconds * 1000;
  if (waitForReferencesSeconds === null) return node.waitMs;
  return Math.max(node.waitMs, waitForReferencesSeconds * 1000 + 5_000);
}
