// The clients of rows: each sends one request after the other to the nodes, a line of `POST /bulk` or several, and notes what it asked and heard.

import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { ofTheMoment } from './check-refusals.ts';
import { parseProblem } from './clients.ts';
import type { MemberView } from './member.ts';
import { Rng } from './rng.ts';
import type { RowRequest } from './row-history.ts';
import type { RowWork } from './row-workload.ts';

export interface RowSource {
  /** Null: nothing now. */
  next(): RowWork | null;
  repeat(work: RowWork): void;
  /** It has its definite answer. */
  learn(work: RowWork, isApplied: boolean): void;
}

export interface RowClientsOptions {
  nodes: readonly MemberView[];
  source: RowSource;
  clients: number;
  /** Writes of one request. @default 1 */
  lines?: number;
  seed: number;
  /** Stands in every row, and may stand in no log. */
  canary: string;
}

/** A client that has heard nothing by then does not know. */
const answerTimeoutMs = 20_000;
const waitSeconds = 8;
const waitForReferencesSeconds = 5;
/** After an answer that says that a node cannot take anything now. */
const restMs = 100;

interface LineAnswer {
  line: number | null;
  status: number;
  result?: string;
  problem?: { code?: string };
}

export class RowClients {
  /** By token. */
  readonly requests = new Map<number, RowRequest>();
  /** Acknowledged writes so far. */
  acked = 0;
  readonly #options: RowClientsOptions;
  readonly #rng: Rng;
  #isStopping = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: RowClientsOptions) {
    this.#options = options;
    this.#rng = new Rng(options.seed);
  }

  start(): void {
    this.#running = Promise.all(Array.from({ length: this.#options.clients }, () => this.#loop()));
  }

  /** Begins nothing new, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #loop(): Promise<void> {
    const { nodes, source, lines = 1 } = this.#options;
    while (!this.#isStopping) {
      const up = nodes.filter(({ isReady, url }) => isReady && url !== null);
      const works: RowWork[] = [];
      for (let work; up.length > 0 && works.length < lines && (work = source.next()) !== null;)
        works.push(work);
      if (works.length === 0) await pause(20);
      else await this.#ask(this.#rng.pick(up), works);
    }
  }

  /** Those that are not answered count as unknown. */
  async #ask(node: MemberView, works: readonly RowWork[]): Promise<void> {
    const open = new Map(works.map((work, index) => [index + 1, work]));
    for (const work of works) this.#begin(work);
    let isOverloaded = false;
    const hear = (answer: LineAnswer): void => {
      const work = open.get(answer.line ?? 0);
      if (work === undefined) return;
      open.delete(answer.line!);
      isOverloaded ||= answer.status === 503;
      this.#hear(work, answer);
    };
    const code = await this.#send(node, works, hear);
    for (const work of open.values()) this.#end(work, code);
    if (isOverloaded || code === 'database_unavailable') await pause(restMs);
  }

  #begin(work: RowWork): void {
    const { token, target, operation, key, shelf, rows, idempotencyKey } = work;
    const known = this.requests.get(token);
    if (known !== undefined) {
      known.tries += 1;
      return;
    }
    this.requests.set(token, {
      token,
      target,
      operation,
      key,
      shelf,
      rows,
      hasIdempotencyKey: idempotencyKey !== null,
      invokedAt: performance.now(),
      ackedAt: Number.POSITIVE_INFINITY,
      endedAt: Number.POSITIVE_INFINITY,
      tries: 1,
      acks: 0,
      fails: 0,
      results: new Set(),
      codes: new Set(),
    });
  }

  #hear(work: RowWork, { status, result = '', problem }: LineAnswer): void {
    const request = this.requests.get(work.token)!;
    if (status >= 300) return this.#end(work, problem?.code ?? String(status));
    if (!Number.isFinite(request.ackedAt)) this.acked += 1;
    request.ackedAt = Math.min(request.ackedAt, performance.now());
    request.endedAt = request.ackedAt;
    request.acks += 1;
    request.results.add(result);
    this.#options.source.learn(work, true);
  }

  /** It was not applied, or nobody knows. */
  #end(work: RowWork, code: string): void {
    const request = this.requests.get(work.token)!;
    request.endedAt = performance.now();
    const isUnknown = /^(outcome_unknown|500|broken|timeout|E(?!CONNREFUSED))/.test(code);
    const reason = code === 'ECONNREFUSED' ? 'node_unreachable' : code;
    if (!isUnknown) {
      request.fails += 1;
      request.codes.add(reason);
    }
    if (!isUnknown && !ofTheMoment.has(reason)) this.#options.source.learn(work, false);
    else if (work.idempotencyKey !== null) this.#options.source.repeat(work);
  }

  /** @returns why those that are not answered were not */
  #send(node: MemberView, works: readonly RowWork[], hear: (answer: LineAnswer) => void): Promise<string> {
    const waits = works.some(({ waitsForReferences }) => waitsForReferences);
    const prefer = [
      `wait=${waitSeconds}`,
      ...(waits ? [`wait-for-references=${waitForReferencesSeconds}`] : []),
    ];
    return new Promise((resolve) => {
      const sent = request(`${node.url}/bulk`, {
        method: 'POST',
        agent: false,
        timeout: answerTimeoutMs,
        headers: { 'content-type': 'application/x-ndjson', prefer: prefer.join(', ') },
      });
      let rest = '';
      sent.on('response', (response) => {
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          rest += text;
          // Nothing was begun; the body tells why.
          if (response.statusCode !== 200) return;
          const lines = rest.split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) hear(JSON.parse(line) as LineAnswer);
        });
        response.on('error', () => resolve('broken'));
        response.on('close', () =>
          resolve(
            response.statusCode === 200 ? 'broken' : (parseProblem(rest).code ?? String(response.statusCode)),
          ),
        );
      });
      sent.on('timeout', () => sent.destroy());
      sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'broken'));
      sent.on('close', () => resolve('broken'));
      sent.end(works.map((work) => `${JSON.stringify(this.#lineOf(work))}\n`).join(''));
    });
  }

  #lineOf({ target, operation, key, shelf, rows, token, idempotencyKey }: RowWork): object {
    const idempotency = idempotencyKey === null ? {} : { idempotencyKey };
    if (target === 'counter')
      return { target: 'public.count_up', row: { counter: key, token }, ...idempotency };
    const said = { target, operation, ...idempotency };
    if (operation === 'delete') return { ...said, key: { name: key } };
    const content = { token, text: this.#options.canary };
    if (operation === 'update') return { ...said, key: { name: key }, row: content };
    if (target !== 'event')
      return { ...said, row: { name: key, ...(shelf === null ? {} : { shelf }), ...content } };
    const parts = Array.from({ length: rows }, (_, part) => ({ part, ...content }));
    return { ...said, row: rows === 1 ? parts[0] : parts };
  }
}
