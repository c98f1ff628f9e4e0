/**
 * Submits one document until it has a final answer, or is accepted if that is enough. Transient failures (a broken
 * connection, 429, 502, 503, 504) are retried on the next node with the same Idempotency-Key, so nothing is doubled.
 * A refusal is an answer.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadLine } from './load-line.ts';
import type { NodeRing, RingNode } from './node-ring.ts';

export type Applied = 'created' | 'updated' | 'unchanged';

/** A missing reference. */
export interface MissingReference {
  resource: string | null;
  path: string | null;
}

export interface Answer {
  /** Null: the document was not applied, or not yet. */
  applied: Applied | null;
  /** Of an accepted document without an outcome, if only acceptance was requested. */
  writeId: string | null;
  /** HTTP status; 0: no node answered. */
  status: number;
  /** The `code` of the problem, or of the error that broke the connection. */
  code: string;
  /** Of a refused document. */
  missing: MissingReference[];
  retries: number;
}

export interface SubmitOptions {
  ring: NodeRing;
  idempotencyKey: string;
  /** The `Prefer` header. @default none */
  prefer?: string;
  /** Milliseconds after the first try in which further tries may start. */
  retryMs: number;
  /** After an abort, no try starts. */
  signal: AbortSignal;
}

interface Reply {
  status: number;
  /** The result of the write, as the node reports it. */
  result: string | undefined;
  location: string | undefined;
  text: string;
  retryAfterMs: number;
}

const passing = new Set([429, 502, 503, 504]);
const backoffMs = { first: 50, longest: 2000 };

export async function submit(line: LoadLine, options: SubmitOptions): Promise<Answer> {
  const { ring, retryMs, signal } = options;
  const started = performance.now();
  let node: RingNode | undefined;
  for (let retries = 0; ; retries++) {
    node = ring.next(node);
    let answer: Answer;
    let waitMs =
      Math.min(backoffMs.longest, backoffMs.first * 2 ** Math.min(retries, 10)) * (0.5 + Math.random());
    try {
      const reply = await post(node, line, options);
      answer = { ...readReply(reply), retries };
      if (!passing.has(reply.status)) return answer;
      waitMs = Math.max(waitMs, reply.retryAfterMs);
    } catch (error) {
      ring.rest(node);
      answer = { ...notApplied(0, codeOf(error)), retries };
    }
    if (signal.aborted || performance.now() - started + waitMs > retryMs) return answer;
    await pause(waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return answer;
  }
}

async function post(
  node: RingNode,
  line: LoadLine,
  { idempotencyKey, prefer }: SubmitOptions,
): Promise<Reply> {
  const { statusCode, headers, body } = await node.pool.request({
    method: 'POST',
    path: `/data/${line.endpoint}`,
    headers: {
      ...node.headers,
      'content-type': 'application/json',
      'idempotency-key': idempotencyKey,
      ...(prefer === undefined ? {} : { prefer }),
    },
    body: line.body,
  });
  const retryAfterSeconds = Number(headers['retry-after'] ?? 0);
  return {
    status: statusCode,
    result: headers['sluice-result']?.toString(),
    location: headers['location']?.toString(),
    text: await body.text(),
    retryAfterMs: Number.isFinite(retryAfterSeconds) ? retryAfterSeconds * 1000 : 0,
  };
}

type AnswerOnce = Omit<Answer, 'retries'>;

function readReply({ status, result, location, text }: Reply): AnswerOnce {
  if (status === 202) return { ...notApplied(status, ''), writeId: location?.split('/').at(-1) ?? null };
  // If a node does not report a change, a change is assumed.
  if (status === 201) return appliedAs('created', status);
  if (status === 200) return appliedAs(result === 'unchanged' ? 'unchanged' : 'updated', status);
  return readProblem(status, parseObject(text));
}

/** The outcome of a write that was read later. */
export function readOutcome(outcome: unknown): AnswerOnce {
  const { status, result, problem } = (outcome ?? {}) as Record<string, unknown>;
  if (result === 'created' || result === 'updated' || result === 'unchanged')
    return appliedAs(result, Number(status));
  return readProblem(Number(status), (problem ?? {}) as Record<string, unknown>);
}

function appliedAs(applied: Applied, status: number): AnswerOnce {
  return { applied, writeId: null, status, code: '', missing: [] };
}

function notApplied(status: number, code: string): AnswerOnce {
  return { applied: null, writeId: null, status, code, missing: [] };
}

function readProblem(status: number, { code, type, missing }: Record<string, unknown>): AnswerOnce {
  const references = Array.isArray(missing) ? (missing as MissingReference[]) : [];
  return {
    // A node with another dialect has no code, but every problem has a type.
    ...notApplied(status, [code, type].find((name) => typeof name === 'string') ?? ''),
    missing: references.map(({ resource, path }) => ({ resource, path })),
  };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: string };
  return typeof code === 'string' ? code : (name ?? 'unknown');
}
