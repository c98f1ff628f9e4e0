// The database's outcomes, gathered by document: one life from its creation to its end, and the lives of one identity
// in turn.

import { isApplied } from 'sluice/internal/protocol';
import type { OutcomeRow } from './history.ts';
import type { Request, Requests } from './requests.ts';
import type { Verdict } from './verdict.ts';

/** A write that made a version. */
export interface Effect {
  life: Life;
  request: Request;
  hash: string;
  version: number;
  result: 'created' | 'updated';
  at: number;
  batchId: string;
}

export interface Life {
  documentId: string;
  doc: string;
  createdAt: number;
  createdIn: string;
  /** In the order of their versions. */
  effects: Effect[];
  deleted: { version: number; at: number; batchId: string } | undefined;
  /** Filled when it is first asked for: times of acknowledgements, and the highest version by then. */
  acknowledged?: { at: number[]; version: number[] };
}

export interface Lives {
  byDocument: Map<string, Life>;
  byIdentity: Map<string, Life[]>;
  /** By content hash. */
  effects: Map<string, Effect>;
}

/** @param outcomes In the order of their time. */
export function gatherLives(outcomes: readonly OutcomeRow[], requests: Requests, verdict: Verdict): Lives {
  const lives: Lives = { byDocument: new Map(), byIdentity: new Map(), effects: new Map() };
  const writeIds = new Set<string>();
  for (const row of outcomes) {
    if (writeIds.has(row.writeId)) {
      verdict.found('duplicated', `settled twice: ${row.writeId}`);
      continue;
    }
    writeIds.add(row.writeId);
    if (!isApplied(row.result) || row.documentId === null) continue;
    if (row.result === 'deleted') endLife(lives, row, requests, verdict);
    else if (row.result !== 'unchanged') addEffect(lives, row, requests, verdict);
  }
  for (const life of lives.byDocument.values()) {
    life.effects.sort((a, b) => a.version - b.version);
    const [first] = life.effects;
    if (first === undefined) continue;
    life.createdAt = first.at;
    life.createdIn = first.batchId;
    const others = lives.byIdentity.get(life.doc);
    if (others === undefined) lives.byIdentity.set(life.doc, [life]);
    else others.push(life);
  }
  for (const group of lives.byIdentity.values()) group.sort((a, b) => a.createdAt - b.createdAt);
  return lives;
}

function lifeOf(lives: Lives, documentId: string, doc: string): Life {
  let life = lives.byDocument.get(documentId);
  if (life === undefined) {
    life = { documentId, doc, createdAt: 0, createdIn: '', effects: [], deleted: undefined };
    lives.byDocument.set(documentId, life);
  }
  return life;
}

function addEffect(lives: Lives, row: OutcomeRow, { bodies }: Requests, verdict: Verdict): void {
  const { documentId, version, hash, at, batchId, result } = row;
  const request = bodies.get(hash ?? '');
  if (request === undefined || hash === null || documentId === null || version === null) {
    verdict.found('unexpected', `applied, and sent by nobody: ${row.writeId}`);
    return;
  }
  const known = lives.effects.get(hash);
  if (known !== undefined) {
    // The same key and request get the same outcome, recorded once more.
    const isReplay =
      request.key !== null && known.version === version && known.life.documentId === documentId;
    if (!isReplay) verdict.found('duplicated', `applied again as version ${version}: ${hash}`);
    if (isReplay) return;
  }
  const life = lifeOf(lives, documentId, request.doc);
  const effect: Effect = {
    life,
    request,
    hash,
    version,
    result: result === 'created' ? 'created' : 'updated',
    at,
    batchId,
  };
  life.effects.push(effect);
  if (known === undefined) lives.effects.set(hash, effect);
}

function endLife(lives: Lives, row: OutcomeRow, { deletes }: Requests, verdict: Verdict): void {
  const { documentId, version, at, batchId } = row;
  const request = deletes.get(documentId ?? '');
  if (request === undefined || documentId === null)
    return verdict.found('unexpected', `deleted, and nobody asked for it: ${documentId}`);
  const life = lifeOf(lives, documentId, request.doc);
  if (life.deleted === undefined) life.deleted = { version: version ?? 0, at, batchId };
  else if (request.key === null) verdict.found('duplicated', `deleted twice: ${documentId}`);
}
