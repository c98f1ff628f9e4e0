// Whether a run kept the promises: the clients' history against the database's truth. Versions order the writes of one
// document and times those of one identity, so everything is found in passes over both and no order is searched for.

import { isApplied } from 'sluice/internal/protocol';
import type { HistoryEvent, OutcomeRow, Truth } from './history.ts';
import { findRefusals } from './check-refusals.ts';
import { gatherLives, type Effect, type Life } from './lives.ts';
import { gatherRequests, type Request, type Requests } from './requests.ts';
import { Verdict } from './verdict.ts';

/** The ids that the product promises to take as one document's identity never change here: no write renames. */
export function checkHistory(history: Iterable<HistoryEvent>, truth: Truth): Verdict {
  const verdict = new Verdict();
  const requests = gatherRequests(history, verdict);
  const outcomes = [...truth.outcomes].sort((a, b) => a.at - b.at || a.ordinal - b.ordinal);
  const lives = gatherLives(outcomes, requests, verdict);
  checkTerms(outcomes, verdict);
  checkAccepted(requests, outcomes, truth, verdict);
  checkRequests(requests, lives.effects, lives.byDocument, verdict);
  for (const life of lives.byDocument.values()) checkVersions(life, verdict);
  for (const identity of lives.byIdentity.values()) checkRealTime(identity, requests, verdict);
  checkReferences(lives.byDocument, lives.byIdentity, verdict);
  checkTables(truth, lives.byDocument, requests, verdict);
  checkReads(requests, lives.byDocument, lives.effects, verdict);
  findRefusals(requests, lives.byDocument, lives.byIdentity, verdict);
  checkRest(truth, verdict);
  return verdict;
}

/** Each lane's terms only grow, in the order in which its batches were settled. */
function checkTerms(outcomes: readonly OutcomeRow[], verdict: Verdict): void {
  const terms = new Map<number, number>();
  for (const { lane, term, writeId } of outcomes) {
    if (term === null) continue;
    const before = terms.get(lane) ?? 0;
    if (term < before)
      verdict.found('reordered', `lane ${lane} went from term ${before} back to ${term}: ${writeId}`);
    else terms.set(lane, term);
  }
}

/** What was accepted is settled, or waits for what it may wait for; and if it was applied, it has its place by then. */
function checkAccepted(
  { accepted }: Requests,
  outcomes: readonly OutcomeRow[],
  { intake }: Truth,
  verdict: Verdict,
): void {
  const waiting = new Set(intake.map(({ writeId }) => writeId));
  const settled = new Map(outcomes.map((row) => [row.writeId, row]));
  for (const { writeId, request, t } of accepted) {
    const outcome = settled.get(writeId);
    if (outcome === undefined) {
      if (!waiting.has(writeId)) verdict.found('lost', `accepted and forgotten: ${writeId}`);
    } else if (isApplied(outcome.result)) request.orderedAt = Math.min(request.orderedAt, t);
  }
}

function checkRequests(
  { bodies, deletes, hashesOfKey }: Requests,
  effects: ReadonlyMap<string, Effect>,
  lives: ReadonlyMap<string, Life>,
  verdict: Verdict,
): void {
  for (const [hash, request] of bodies) {
    const effect = effects.get(hash);
    if (request.answers.length > 0) {
      if (effect === undefined) verdict.found('lost', `acknowledged and never applied: ${hash}`);
      for (const { result, documentId, hash: answered } of request.answers) {
        if (effect === undefined) continue;
        if (documentId !== effect.life.documentId || answered !== hash || result === 'deleted')
          verdict.found('dishonest', `answered as another document than was written: ${hash}`);
      }
      const kinds = new Set(request.answers.map(({ result }) => result));
      if (request.key !== null && kinds.size > 1)
        verdict.found('dishonest', `one key and two answers, ${[...kinds].join(' and ')}: ${hash}`);
    } else if (effect !== undefined) judgeUnanswered(request, hash, verdict);
  }
  for (const [documentId, request] of deletes) {
    const isDeleted = lives.get(documentId)?.deleted !== undefined;
    if (request.answers.length > 0 && !isDeleted)
      verdict.found('lost', `acknowledged and never deleted: ${documentId}`);
    if (request.answers.length === 0 && isDeleted) judgeUnanswered(request, documentId, verdict);
  }
  for (const [key, hashes] of hashesOfKey) {
    if (hashes.size < 2) continue;
    const applied = [...hashes].filter((hash) => effects.has(hash));
    if (applied.length > 1) verdict.found('duplicated', `one key and two effects: ${key}`);
  }
}

/** Applied, and nobody was told so: honest only if somebody was told that it is not known. */
function judgeUnanswered(request: Request, what: string, verdict: Verdict): void {
  if (request.fails === request.tries) verdict.found('dishonest', `failed, and applied: ${what}`);
  else if (!Number.isFinite(request.orderedAt)) verdict.counts.recovered += 1;
}

/** The versions of a document are 1, 2, 3 … each made by one write. */
function checkVersions({ documentId, effects, deleted }: Life, verdict: Verdict): void {
  effects.forEach(({ version, result }, index) => {
    const before = effects[index - 1]?.version ?? 0;
    if (version === before) verdict.found('lost', `two writes made version ${version} of ${documentId}`);
    else if (version !== before + 1)
      verdict.found('unexpected', `nobody made version ${before + 1} of ${documentId}`);
    if ((result === 'created') !== (version === 1))
      verdict.found('unexpected', `version ${version} of ${documentId} was ${result}`);
  });
  const last = effects.at(-1)?.version ?? 0;
  if (deleted !== undefined && deleted.version !== last)
    verdict.found('unexpected', `${documentId} was deleted at version ${deleted.version}, not ${last}`);
}

/** What was acknowledged or accepted before a write was sent comes before it, over all documents that had this identity in turn. */
function checkRealTime(lives: readonly Life[], { deletes }: Requests, verdict: Verdict): void {
  let latestInvoke = Number.NEGATIVE_INFINITY;
  const pass = (request: Request | undefined, what: string): void => {
    if (request === undefined) return;
    if (request.orderedAt < latestInvoke)
      verdict.found('reordered', `took effect behind a write that was sent after its answer: ${what}`);
    latestInvoke = Math.max(latestInvoke, request.invokedAt);
  };
  lives.forEach(({ documentId, effects, deleted }, index) => {
    for (const { request, hash } of effects) pass(request, hash);
    if (deleted !== undefined) pass(deletes.get(documentId), documentId);
    const next = lives[index + 1];
    if (next !== undefined && (deleted === undefined || deleted.at > next.createdAt))
      verdict.found('duplicated', `two documents with one identity at a time: ${next.documentId}`);
  });
}

/**
 * When a document was written, whatever it refers to was there, or came in the same batch. Of the versions that one batch
 * made only the last was ever there.
 */
function checkReferences(
  byDocument: ReadonlyMap<string, Life>,
  byIdentity: ReadonlyMap<string, readonly Life[]>,
  verdict: Verdict,
): void {
  for (const life of byDocument.values()) {
    life.effects.forEach(({ request, hash, at, batchId }, index) => {
      if ((life.effects[index + 1] ?? life.deleted)?.batchId === batchId) return;
      for (const ref of request.refs) {
        const isThere = (byIdentity.get(ref) ?? []).some(
          ({ createdAt, createdIn, deleted }) =>
            (createdIn === batchId || createdAt <= at) && (deleted === undefined || deleted.at >= at),
        );
        if (!isThere) verdict.found('dangling', `${hash} was applied without ${ref}`);
      }
    });
  }
}

/** The tables at the end are what the writes made, and hold together. */
function checkTables(
  truth: Truth,
  lives: ReadonlyMap<string, Life>,
  { bodies }: Requests,
  verdict: Verdict,
): void {
  const documents = new Map<string, string>();
  const owed = new Map<string, number>();
  for (const { documentId, referentialId, version, hash } of truth.documents) {
    documents.set(documentId, referentialId);
    owed.set(documentId, bodies.get(hash)?.refs.length ?? 0);
    const life = lives.get(documentId);
    const last = life?.effects.at(-1);
    if (!bodies.has(hash)) verdict.found('unexpected', `content that nobody sent: ${hash} of ${documentId}`);
    if (last === undefined) verdict.found('unexpected', `a document that no write made: ${documentId}`);
    else if (life?.deleted !== undefined)
      verdict.found('unexpected', `a document that was deleted: ${documentId}`);
    else if (last.version !== version || last.hash !== hash)
      verdict.found(
        'lost',
        `${documentId} has version ${version} (${hash}), not ${last.version} (${last.hash})`,
      );
  }
  for (const { documentId, deleted } of lives.values()) {
    if (deleted === undefined && !documents.has(documentId))
      verdict.found('lost', `a document that nobody deleted: ${documentId}`);
  }
  const aliases = new Set<string>();
  for (const { referentialId, documentId } of truth.aliases) {
    aliases.add(referentialId);
    const identity = documents.get(documentId);
    if (identity === undefined) verdict.found('dangling', `an identity without a document: ${referentialId}`);
  }
  for (const [documentId, identity] of documents) {
    if (!aliases.has(identity)) verdict.found('lost', `a document without its identity: ${documentId}`);
  }
  for (const { documentId, referentialId } of truth.references) {
    if (!aliases.has(referentialId) || !documents.has(documentId))
      verdict.found('dangling', `${documentId} refers to ${referentialId}, which is nobody`);
    owed.set(documentId, (owed.get(documentId) ?? 0) - 1);
  }
  for (const [documentId, missing] of owed) {
    if (missing !== 0 && documents.has(documentId))
      verdict.found(
        missing > 0 ? 'lost' : 'unexpected',
        `the references of ${documentId} are not its body's`,
      );
  }
  verdict.found(
    'dangling',
    'seen by the reader',
    truth.samples.reduce((sum, count) => sum + count, 0),
  );
}

/** A read after an acknowledgement returns that write or a later one. */
function checkReads(
  { reads, deletes }: Requests,
  lives: ReadonlyMap<string, Life>,
  effects: ReadonlyMap<string, Effect>,
  verdict: Verdict,
): void {
  for (const { invoke, ok } of reads) {
    const documentId = invoke.documentId ?? '';
    const life = lives.get(documentId);
    const owed = life === undefined ? 0 : acknowledgedBefore(life, invoke.t);
    if (ok.hash === null) {
      const mayBeGone = (deletes.get(documentId)?.invokedAt ?? Number.POSITIVE_INFINITY) < ok.t;
      if (owed > 0 && !mayBeGone) verdict.found('stale', `${documentId} was there and was not found`);
      continue;
    }
    const seen = effects.get(ok.hash);
    if (seen?.life !== life || seen === undefined)
      verdict.found('unexpected', `read what nobody wrote there: ${ok.hash} of ${documentId}`);
    else if (seen.version < owed)
      verdict.found('stale', `read version ${seen.version} of ${documentId} after ${owed}`);
    else if (seen.request.invokedAt > ok.t)
      verdict.found('unexpected', `read before it was sent: ${ok.hash}`);
  }
}

/** The highest version that was acknowledged before a moment. */
function acknowledgedBefore(life: Life, t: number): number {
  life.acknowledged ??= acknowledgements(life);
  const { at, version } = life.acknowledged;
  let low = 0;
  for (let high = at.length; low < high;) {
    const middle = (low + high) >> 1;
    if ((at[middle] ?? 0) < t) low = middle + 1;
    else high = middle;
  }
  return version[low - 1] ?? 0;
}

function acknowledgements({ effects }: Life): { at: number[]; version: number[] } {
  const acked = effects.filter(({ request }) => Number.isFinite(request.ackedAt));
  acked.sort((a, b) => a.request.ackedAt - b.request.ackedAt);
  let highest = 0;
  return {
    at: acked.map(({ request }) => request.ackedAt),
    version: acked.map(({ version }) => (highest = Math.max(highest, version))),
  };
}

function checkRest({ intake, unledLanes, unanswered, leaks }: Truth, verdict: Verdict): void {
  for (const { writeId, isWaiting } of intake)
    if (!isWaiting) verdict.found('stuck', `waits for nothing and is not settled: ${writeId}`);
  for (const i of unanswered) verdict.found('stuck', `never answered: operation ${i}`);
  for (const lane of unledLanes) verdict.found('stuck', `nobody leads lane ${lane}`);
  verdict.found('leaked', 'a log has contents of documents', leaks);
}
