// The clients' history, gathered by request: all tries with one body are one request, and all tries to delete one
// document. One pass over the events.

import { isApplied } from 'sluice/internal/protocol';
import type { Fail, HistoryEvent, Invoke, Ok } from './history.ts';
import type { Verdict } from './verdict.ts';

export interface Request {
  doc: string;
  refs: readonly string[];
  key: string | null;
  /** First invocation: nothing of it took effect before. */
  invokedAt: number;
  /** First acknowledgement: by then it had taken effect. */
  ackedAt: number;
  /** First acceptance or acknowledgement: what is sent later takes effect later. */
  orderedAt: number;
  /** Its acknowledged answers, if they differ. */
  answers: Ok[];
  tries: number;
  fails: number;
}

/** A refusal together with what was asked. */
export interface Refusal {
  invoke: Invoke;
  fail: Fail;
}

export interface ReadAnswer {
  invoke: Invoke;
  ok: Ok;
}

export interface Requests {
  /** By content hash. */
  bodies: Map<string, Request>;
  /** Tries to delete, by document id. */
  deletes: Map<string, Request>;
  refusals: Refusal[];
  reads: ReadAnswer[];
  accepted: { writeId: string; request: Request; t: number }[];
  /** Content hashes of the requests with one idempotency key, where there are several. */
  hashesOfKey: Map<string, Set<string>>;
  /** When an identity was first referred to. */
  referredAt: Map<string, number>;
}

export function gatherRequests(history: Iterable<HistoryEvent>, verdict: Verdict): Requests {
  const { counts } = verdict;
  const requests: Requests = {
    bodies: new Map(),
    deletes: new Map(),
    refusals: [],
    reads: [],
    accepted: [],
    hashesOfKey: new Map(),
    referredAt: new Map(),
  };
  const open = new Map<number, Invoke>();
  for (const event of history) {
    if (event.type === 'invoke') {
      open.set(event.i, event);
      if (event.op === 'read') counts.reads += 1;
      else {
        counts.attempts += 1;
        begin(requests, event);
      }
      continue;
    }
    const invoke = open.get(event.i);
    open.delete(event.i);
    if (invoke === undefined) {
      verdict.found('unexpected', `an answer to nothing that was asked: ${event.i}`);
    } else if (invoke.op === 'read') {
      if (event.type === 'ok') requests.reads.push({ invoke, ok: event });
    } else if (event.type === 'ok') {
      counts.ok += 1;
      acknowledge(requestOf(requests, invoke), event, verdict);
    } else if (event.type === 'accepted') {
      counts.ok += 1;
      const request = requestOf(requests, invoke);
      requests.accepted.push({ writeId: event.writeId, request, t: event.t });
    } else if (event.type === 'fail') {
      counts.fail += 1;
      requestOf(requests, invoke).fails += 1;
      requests.refusals.push({ invoke, fail: event });
    } else counts.info += 1;
  }
  // Never answered at all: its node died.
  for (const invoke of open.values()) if (invoke.op !== 'read') counts.info += 1;
  return requests;
}

function requestOf(requests: Requests, { op, documentId, hash }: Invoke): Request {
  const found = op === 'delete' ? requests.deletes.get(documentId ?? '') : requests.bodies.get(hash);
  if (found === undefined) throw new Error(`Cannot check the history: it was not begun: ${hash}`);
  return found;
}

function begin(requests: Requests, invoke: Invoke): void {
  const { op, documentId, hash, doc, refs, key, t } = invoke;
  const [known, id] = op === 'delete' ? [requests.deletes, documentId ?? ''] : [requests.bodies, hash];
  const request = known.get(id);
  if (request !== undefined) {
    request.tries += 1;
    request.invokedAt = Math.min(request.invokedAt, t);
    return;
  }
  known.set(id, {
    doc,
    refs,
    key,
    invokedAt: t,
    ackedAt: Number.POSITIVE_INFINITY,
    orderedAt: Number.POSITIVE_INFINITY,
    answers: [],
    tries: 1,
    fails: 0,
  });
  for (const ref of refs) {
    if ((requests.referredAt.get(ref) ?? Number.POSITIVE_INFINITY) > t) requests.referredAt.set(ref, t);
  }
  if (key === null || op === 'delete') return;
  const hashes = requests.hashesOfKey.get(key);
  if (hashes === undefined) requests.hashesOfKey.set(key, new Set([hash]));
  else hashes.add(hash);
}

function acknowledge(request: Request, ok: Ok, verdict: Verdict): void {
  if (ok.result === 'read' || !isApplied(ok.result)) {
    verdict.found('unexpected', `an acknowledgement of something else than a write: ${ok.i}`);
    return;
  }
  request.ackedAt = Math.min(request.ackedAt, ok.t);
  request.orderedAt = Math.min(request.orderedAt, ok.t);
  const [first] = request.answers;
  const isSame = first?.documentId === ok.documentId && first.hash === ok.hash && first.result === ok.result;
  if (first === undefined || !isSame) request.answers.push(ok);
}
