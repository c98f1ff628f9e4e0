// The clients: each sends one request after the other to whichever node is up, and writes down what it asked and what it
// heard, as it happens.

import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { Agent, request, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { contentHash, describeDocument, readModel, type Resource } from '@sluice/model';
import type { Result } from '@sluice/protocol';
import type { HistoryEvent } from './history.ts';
import { modelFile } from './deployment.ts';
import type { Member } from './member.ts';
import { Rng } from './rng.ts';
import type { Work, Workload } from './workload.ts';

export interface ClientsOptions {
  nodes: readonly Member[];
  workload: Workload;
  clients: number;
  seed: number;
  historyFile: string;
  /** Stands in every body, and may stand in no log. */
  canary: string;
}

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A client that has heard nothing by then does not know. */
const answerTimeoutMs = 20_000;
const waitSeconds = 8;
const waitForReferencesSeconds = 5;

/** Statuses of a request that never reached a node. */
const unreachable = new Set(['ECONNREFUSED']);

export class Clients {
  readonly #options: ClientsOptions;
  readonly #history: WriteStream;
  readonly #agent: Agent;
  readonly #rng: Rng;
  #resource: Resource | null = null;
  #isStopping = false;
  #running: Promise<unknown> = Promise.resolve();
  #operations = 0;
  /** Acknowledged writes so far. */
  acked = 0;

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#history = createWriteStream(options.historyFile);
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.clients * 2 });
    this.#rng = new Rng(options.seed);
  }

  async start(): Promise<void> {
    this.#resource = (await readModel([modelFile])).findEndpoint('chaos/things') ?? null;
    const loops = Array.from({ length: this.#options.clients }, (_, proc) => this.#loop(proc));
    this.#running = Promise.all(loops);
  }

  /** Begins nothing new, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
    this.#agent.destroy();
    this.#history.end();
    await once(this.#history, 'close');
  }

  async #loop(proc: number): Promise<void> {
    while (!this.#isStopping) {
      const up = this.#options.nodes.filter(({ isReady, url }) => isReady && url !== null);
      if (up.length === 0) await pause(20);
      else {
        const work = this.#options.workload.next();
        const able = work.needsIntake ? up.filter(({ hasIntake }) => hasIntake) : up;
        if (able.length > 0) await this.#ask(proc, this.#rng.pick(able), work);
        else {
          this.#options.workload.repeat(work);
          await pause(20);
        }
      }
    }
  }

  #record(event: HistoryEvent): void {
    this.#history.write(`${JSON.stringify(event)}\n`);
  }

  async #ask(proc: number, node: Member, work: Work): Promise<void> {
    const { op, documentId, ifMatch, key } = work;
    const i = this.#operations++;
    const hasBody = op === 'upsert' || op === 'update';
    const document = hasBody ? this.#documentOf(work) : null;
    const described = document === null ? null : describeDocument(this.#resourceOf(), document);
    const hash = document === null ? '' : contentHash(document);
    const bypassesIntake = !node.hasIntake;
    const refs = described?.references.map(({ referentialId }) => referentialId) ?? [];
    const doc =
      described?.referentialId ?? describeDocument(this.#resourceOf(), { thingId: work.thing }).referentialId;
    this.#record({
      type: 'invoke',
      i,
      t: performance.now(),
      proc,
      op,
      doc,
      documentId,
      refs,
      hash,
      ifMatch,
      key,
      bypassesIntake,
    });
    let answer: Answer;
    try {
      answer = await this.#send(node, work, document === null ? null : JSON.stringify(document));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'broken';
      const t = performance.now();
      if (unreachable.has(code)) this.#record({ type: 'fail', i, t, code: 'node_unreachable', missing: [] });
      else this.#record({ type: 'info', i, t, code });
      if (work.isRepeated) this.#options.workload.repeat(work);
      return;
    }
    this.#hear(i, work, answer, hash);
  }

  #hear(i: number, work: Work, { status, headers, body }: Answer, hash: string): void {
    const t = performance.now();
    const etag = headers.etag?.replaceAll('"', '') ?? null;
    if (work.op === 'read') {
      if (status === 200 || status === 404) {
        const { documentId } = work;
        this.#record({ type: 'ok', i, t, result: 'read', documentId, hash: status === 200 ? etag : null });
      } else this.#record({ type: 'info', i, t, code: String(status) });
      return;
    }
    if (status === 202) {
      const writeId = headers.location?.split('/').at(-1) ?? '';
      this.#record({ type: 'accepted', i, t, writeId });
      this.acked += 1;
      return;
    }
    if (status < 300) {
      const documentId = work.documentId ?? headers.location?.split('/').at(-1) ?? null;
      const result = (headers['sluice-result'] ?? 'updated') as Result;
      this.#record({ type: 'ok', i, t, result, documentId, hash: work.op === 'delete' ? null : etag });
      this.acked += 1;
      if (documentId !== null)
        this.#options.workload.learn({ work, documentId, hash: hash === '' ? null : hash });
      return;
    }
    const { code = String(status), missing = [] } = parseProblem(body);
    if (code === 'outcome_unknown' || (status === 500 && code === '500'))
      this.#record({ type: 'info', i, t, code });
    else {
      this.#record({ type: 'fail', i, t, code, missing: missing.map(({ referentialId }) => referentialId) });
    }
    if (work.isRepeated && (code === 'outcome_unknown' || status === 503))
      this.#options.workload.repeat(work);
  }

  #resourceOf(): Resource {
    if (this.#resource === null) throw new Error('Cannot ask before the start');
    return this.#resource;
  }

  #documentOf({ thing, nonce, links }: Work): object {
    return {
      thingId: thing,
      nonce,
      text: this.#options.canary,
      ...(links.length === 0 ? {} : { links: links.map((thingId) => ({ thingReference: { thingId } })) }),
    };
  }

  #send(node: Member, work: Work, body: string | null): Promise<Answer> {
    const { op, documentId, ifMatch, key, waitForReferences, respondsAsync } = work;
    const path = op === 'upsert' ? '/data/chaos/things' : `/data/chaos/things/${documentId}`;
    const method = { upsert: 'POST', update: 'PUT', delete: 'DELETE', read: 'GET' }[op];
    const prefer = [
      respondsAsync ? 'respond-async' : `wait=${waitSeconds}`,
      ...(waitForReferences ? [`wait-for-references=${waitForReferencesSeconds}`] : []),
    ].join(', ');
    return new Promise((resolve, reject) => {
      const sent = request(
        `${node.url}${path}`,
        {
          method,
          agent: this.#agent,
          timeout: answerTimeoutMs,
          headers: {
            ...(body === null
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
            ...(op === 'read' ? {} : { prefer }),
            ...(ifMatch === null ? {} : { 'if-match': `"${ifMatch}"` }),
            ...(key === null ? {} : { 'idempotency-key': key }),
          },
        },
        (response) => {
          const parts: string[] = [];
          response.setEncoding('utf8');
          response.on('data', (part: string) => parts.push(part));
          response.on('error', reject);
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parts.join('') }),
          );
        },
      );
      sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'timeout' })));
      sent.on('error', reject);
      sent.end(body ?? undefined);
    });
  }
}

function parseProblem(body: string): { code?: string; missing?: { referentialId: string }[] } {
  try {
    return JSON.parse(body) as ReturnType<typeof parseProblem>;
  } catch {
    return {};
  }
}
