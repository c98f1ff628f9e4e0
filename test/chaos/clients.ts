// The clients: each sends one request after the other to whichever node is up, and writes down what it asked and what it
// heard, as it happens.

import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { contentHash, describeDocument, readModel, type Resource } from 'sluice/model';
import type { Result } from 'sluice/internal/protocol';
import { modelFile } from './deployment.ts';
import type { MemberView } from './member.ts';
import type { Recorder } from './recorder.ts';
import { Rng } from './rng.ts';
import { sendRequest, type Answer } from './send-request.ts';
import type { Work, Workload } from './workload.ts';

export interface ClientsOptions {
  nodes: readonly MemberView[];
  workload: Workload;
  clients: number;
  seed: number;
  recorder: Recorder;
  /** Stands in every body, and may stand in no log. */
  canary: string;
}

/** A client that has heard nothing by then does not know. */
const answerTimeoutMs = 20_000;
/** After an answer that says that a node cannot take anything now. */
const restMs = 100;
const waitSeconds = 8;
const waitForReferencesSeconds = 5;

/** Statuses of a request that never reached a node. */
const unreachable = new Set(['ECONNREFUSED']);

export class Clients {
  readonly #options: ClientsOptions;
  readonly #recorder: Recorder;
  readonly #agent: Agent;
  readonly #rng: Rng;
  #resource: Resource | null = null;
  #isStopping = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#recorder = options.recorder;
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

  async #ask(proc: number, node: MemberView, work: Work): Promise<void> {
    const { op, documentId, ifMatch, key } = work;
    const hasBody = op === 'upsert' || op === 'update';
    const document = hasBody ? this.#documentOf(work) : null;
    const described = document === null ? null : describeDocument(this.#resourceOf(), document);
    const hash = document === null ? '' : contentHash(document);
    const refs = described?.references.map(({ referentialId }) => referentialId) ?? [];
    const doc =
      described?.referentialId ?? describeDocument(this.#resourceOf(), { thingId: work.thing }).referentialId;
    const i = this.#recorder.invoke({
      proc,
      op,
      doc,
      documentId,
      refs,
      hash,
      ifMatch,
      key,
    });
    let answer: Answer;
    try {
      answer = await this.#send(node, work, document === null ? null : JSON.stringify(document));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'broken';
      const t = performance.now();
      if (unreachable.has(code))
        this.#recorder.hear({ type: 'fail', i, t, code: 'node_unreachable', missing: [] });
      else this.#recorder.hear({ type: 'info', i, t, code });
      if (work.isRepeated) this.#options.workload.repeat(work);
      return;
    }
    this.#hear(i, work, answer, hash);
    if (answer.status === 503) await pause(restMs);
  }

  #hear(i: number, work: Work, { status, headers, body }: Answer, hash: string): void {
    const t = performance.now();
    const etag = headers.etag?.replaceAll('"', '') ?? null;
    if (work.op === 'read') {
      if (status === 200 || status === 404) {
        const { documentId } = work;
        this.#recorder.hear({
          type: 'ok',
          i,
          t,
          result: 'read',
          documentId,
          hash: status === 200 ? etag : null,
        });
      } else this.#recorder.hear({ type: 'info', i, t, code: String(status) });
      return;
    }
    if (status === 202) {
      const writeId = headers.location?.split('/').at(-1) ?? '';
      this.#recorder.hear({ type: 'accepted', i, t, writeId });
      return;
    }
    if (status < 300) {
      const documentId = work.documentId ?? headers.location?.split('/').at(-1) ?? null;
      const result = (headers['sluice-result'] ?? 'updated') as Result;
      this.#recorder.hear({ type: 'ok', i, t, result, documentId, hash: work.op === 'delete' ? null : etag });
      if (documentId !== null)
        this.#options.workload.learn({ work, documentId, hash: hash === '' ? null : hash });
      return;
    }
    const { code = String(status), missing = [] } = parseProblem(body);
    if (code === 'outcome_unknown' || (status === 500 && code === '500'))
      this.#recorder.hear({ type: 'info', i, t, code });
    else {
      this.#recorder.hear({
        type: 'fail',
        i,
        t,
        code,
        missing: missing.map(({ referentialId }) => referentialId),
      });
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

  #send(node: MemberView, work: Work, body: string | null): Promise<Answer> {
    const { op, documentId, ifMatch, key, waitForReferences, respondsAsync } = work;
    const path = op === 'upsert' ? '/data/chaos/things' : `/data/chaos/things/${documentId}`;
    const method = { upsert: 'POST', update: 'PUT', delete: 'DELETE', read: 'GET' }[op];
    const prefer = [
      respondsAsync ? 'respond-async' : `wait=${waitSeconds}`,
      ...(waitForReferences ? [`wait-for-references=${waitForReferencesSeconds}`] : []),
    ].join(', ');
    return sendRequest(`${node.url}${path}`, {
      method,
      agent: this.#agent,
      timeoutMs: answerTimeoutMs,
      headers: {
        ...(op === 'read' ? {} : { prefer }),
        ...(ifMatch === null ? {} : { 'if-match': `"${ifMatch}"` }),
        ...(key === null ? {} : { 'idempotency-key': key }),
      },
      body,
    });
  }
}

export function parseProblem(body: string): { code?: string; missing?: { referentialId: string }[] } {
  try {
    return JSON.parse(body) as ReturnType<typeof parseProblem>;
  } catch {
    return {};
  }
}
