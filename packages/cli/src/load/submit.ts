/**
 * One document through the API until it has a definite answer: what may be meant for the moment only (a connection that
 * broke, 429, 502, 503, 504) is tried again on the next node under the same Idempotency-Key, so nothing is doubled. A
 * refusal is an answer.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { LoadLine } from './load-line.ts';
import type { NodeRing, RingNode } from './node-ring.ts';

export type Applied = 'created' | 'updated' | 'unchanged';

export interface Answer {
  /** Null: the document was not accepted. */
  applied: Applied | null;
  /** HTTP status; 0: no node answered. */
  status: number;
  /** The `code` of the problem, or of the error that broke the connection. */
  code: string;
  retries: number;
}

export interface SubmitOptions {
  ring: NodeRing;
  idempotencyKey: string;
  /** No try begins later than this after the first one. */
  retryMs: number;
  /** No try begins after this. */
  signal: AbortSignal;
}

interface Reply {
  status: number;
  /** What the node says the write came to. */
  result: string | undefined;
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
      const reply = await post(node, line, options.idempotencyKey);
      answer = { ...readReply(reply), retries };
      if (!passing.has(reply.status)) return answer;
      waitMs = Math.max(waitMs, reply.retryAfterMs);
    } catch (error) {
      ring.rest(node);
      answer = { applied: null, status: 0, code: codeOf(error), retries };
    }
    if (signal.aborted || performance.now() - started + waitMs > retryMs) return answer;
    await pause(waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return answer;
  }
}

async function post(node: RingNode, line: LoadLine, idempotencyKey: string): Promise<Reply> {
  const { statusCode, headers, body } = await node.pool.request({
    method: 'POST',
    path: `/data/${line.endpoint}`,
    headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: line.body,
  });
  const retryAfterSeconds = Number(headers['retry-after'] ?? 0);
  return {
    status: statusCode,
    result: headers['sluice-result']?.toString(),
    text: await body.text(),
    retryAfterMs: Number.isFinite(retryAfterSeconds) ? retryAfterSeconds * 1000 : 0,
  };
}

function readReply({ status, result, text }: Reply): Omit<Answer, 'retries'> {
  if (status === 201) return { applied: 'created', status, code: '' };
  // A node that does not tell whether it changed anything is taken to have done so.
  if (status === 200) return { applied: result === 'unchanged' ? 'unchanged' : 'updated', status, code: '' };
  const { code } = parseObject(text);
  return { applied: null, status, code: typeof code === 'string' ? code : '' };
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
