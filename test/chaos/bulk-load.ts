// A load of documents that nobody else writes, in streams of `POST /bulk`: cheap, so that much can be acknowledged while
// much goes wrong. Each line is an operation of its own. In a closed loop each stream keeps its window full; in an open
// one lines fall due at a fixed rate, and what could not be sent in time is sent as soon as it can be.

import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { contentHash, describeDocument, readModel, type Resource } from 'sluice/model';
import type { Result } from 'sluice/internal/protocol';
import { modelFile } from './deployment.ts';
import type { MemberView } from './member.ts';
import type { Recorder } from './recorder.ts';
import { Rng } from './rng.ts';

export interface BulkLoadOptions {
  nodes: readonly MemberView[];
  recorder: Pick<Recorder, 'invoke' | 'hear'>;
  /** Requests under way at the same time. */
  streams: number;
  seed: number;
  /** Stands in every body, and may stand in no log. */
  canary: string;
  /** In front of each document's name. @default 'b' */
  prefix?: string;
}

/** After an answer that says that a node cannot take anything now. */
const restMs = 100;
/** Lines of one stream that wait for their answers: as many as a node takes. */
const windowLines = 256;
/** Then another node has its turn. */
const streamLines = 4096;
/** A stream that has heard nothing for so long does not know. */
const answerTimeoutMs = 20_000;
const waitSeconds = 8;
const tickMs = 10;

/** The answer to one line. */
interface LineAnswer {
  line: number;
  status: number;
  result?: Result;
  id?: string | null;
  etag?: string | null;
  writeId?: string;
  problem?: { code?: string };
}

export class BulkLoad {
  readonly #options: BulkLoadOptions;
  readonly #rng: Rng;
  readonly #streams = new Set<Stream>();
  #resource: Resource | null = null;
  #clock: NodeJS.Timeout | null = null;
  #isStopping = false;
  #running: Promise<unknown> = Promise.resolve();
  #documents = 0;
  /** Lines that may be sent now. */
  #due = 0;

  constructor(options: BulkLoadOptions) {
    this.#options = options;
    this.#rng = new Rng(options.seed);
  }

  /** @param ratePerSecond as {@link offer} takes it; 0: nothing is sent until more is offered */
  async start(ratePerSecond: number = Number.POSITIVE_INFINITY): Promise<void> {
    this.#resource = (await readModel([modelFile])).findEndpoint('chaos/things') ?? null;
    this.offer(ratePerSecond);
    this.#running = Promise.all(Array.from({ length: this.#options.streams }, (_, proc) => this.#loop(proc)));
  }

  /** From now on so many lines fall due in a second; infinitely many are a closed loop. */
  offer(ratePerSecond: number): void {
    if (this.#clock !== null) clearInterval(this.#clock);
    this.#clock = null;
    this.#due = Number.isFinite(ratePerSecond) ? 0 : ratePerSecond;
    if (!Number.isFinite(ratePerSecond)) return this.#fill();
    let last = performance.now();
    this.#clock = setInterval(() => {
      const now = performance.now();
      this.#due += ((now - last) / 1000) * ratePerSecond;
      last = now;
      this.#fill();
    }, tickMs);
  }

  /** Lines that wait for their answers. */
  get waiting(): number {
    let waiting = 0;
    for (const stream of this.#streams) waiting += stream.waiting;
    return waiting;
  }

  /** Begins nothing new, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#clock !== null) clearInterval(this.#clock);
    for (const stream of this.#streams) stream.end();
    await this.#running;
  }

  /** One stream that is answered as soon as its lines are durable, before their outcomes. */
  async burst(node: MemberView, lines: number): Promise<void> {
    const stream = this.#open(node, 1000, { lines, respondsAsync: true });
    for (let left = lines; left > 0; left -= windowLines) {
      await stream.roomy();
      stream.send(this.#make(1000, Math.min(left, windowLines)));
    }
    stream.end();
    await stream.over;
  }

  async #loop(proc: number): Promise<void> {
    while (!this.#isStopping) {
      const up = this.#options.nodes.filter(({ isReady, url }) => isReady && url !== null);
      if (up.length === 0) {
        await pause(20);
        continue;
      }
      const stream = this.#open(this.#rng.pick(up), proc, { lines: streamLines, respondsAsync: false });
      this.#streams.add(stream);
      this.#fill();
      await stream.over;
      this.#streams.delete(stream);
    }
  }

  #open(
    node: MemberView,
    proc: number,
    { lines, respondsAsync }: { lines: number; respondsAsync: boolean },
  ): Stream {
    const { recorder } = this.#options;
    return new Stream({
      node,
      proc,
      lines,
      respondsAsync,
      recorder,
      onRoom: () => this.#fill(),
    });
  }

  /** Gives what is due to the streams that have room, in turn. */
  #fill(): void {
    if (this.#isStopping) return;
    // A copy, as their order changes on the way.
    for (const stream of Array.from(this.#streams)) {
      const count = Math.min(stream.room, Math.floor(this.#due));
      if (count === 0) continue;
      this.#due -= count;
      this.#streams.delete(stream);
      this.#streams.add(stream);
      stream.send(this.#make(stream.proc, count));
    }
  }

  /** Records so many invocations. */
  #make(proc: number, count: number): SentLine[] {
    const { canary, prefix = 'b', recorder } = this.#options;
    if (this.#resource === null) throw new Error('Cannot ask before the start');
    const lines: SentLine[] = [];
    for (let left = count; left > 0; left--) {
      const nonce = this.#documents++;
      const document = { thingId: `${prefix}${nonce}`, nonce, text: canary };
      const hash = contentHash(document);
      const i = recorder.invoke({
        proc,
        op: 'upsert',
        doc: describeDocument(this.#resource, document).referentialId,
        documentId: null,
        refs: [],
        hash,
        ifMatch: null,
        key: null,
      });
      lines.push({ i, text: JSON.stringify({ endpoint: 'chaos/things', document }) });
    }
    return lines;
  }
}

interface SentLine {
  i: number;
  text: string;
}

interface StreamOptions {
  node: MemberView;
  proc: number;
  lines: number;
  respondsAsync: boolean;
  recorder: Pick<Recorder, 'invoke' | 'hear'>;
  onRoom: () => void;
}

/** One bulk request. */
class Stream {
  readonly proc: number;
  /** Resolves once every line has its answer, or will never have one. */
  readonly over: Promise<void>;
  readonly #options: StreamOptions;
  readonly #request: ClientRequest;
  /** Operations that wait, by the numbers of their lines. */
  readonly #open = new Map<number, number>();
  #sent = 0;
  #isEnded = false;
  #rest = '';
  #awaitingRoom: (() => void) | null = null;
  /** A node that takes nothing is not asked at once for more, only to hear the same. */
  #restsUntil = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.proc = options.proc;
    this.#request = request(`${options.node.url}/bulk`, {
      method: 'POST',
      agent: false,
      timeout: answerTimeoutMs,
      headers: {
        'content-type': 'application/x-ndjson',
        prefer: options.respondsAsync ? 'respond-async' : `wait=${waitSeconds}`,
      },
    });
    this.#request.flushHeaders();
    this.over = new Promise((resolve) => {
      const end = (code: string): void => {
        this.#isEnded = true;
        this.#forget(code);
        this.#awaitingRoom?.();
        resolve();
      };
      this.#request.on('response', (response) => this.#read(response, end));
      this.#request.on('timeout', () => this.#request.destroy());
      this.#request.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'broken'));
      this.#request.on('close', () => end('broken'));
    });
  }

  /** How many lines may be sent now. */
  get room(): number {
    if (this.#isEnded || performance.now() < this.#restsUntil) return 0;
    return Math.min(windowLines - this.#open.size, this.#options.lines - this.#sent);
  }

  get waiting(): number {
    return this.#open.size;
  }

  async roomy(): Promise<void> {
    while (!this.#isEnded && this.room < Math.min(windowLines, this.#options.lines - this.#sent)) {
      await new Promise<void>((resolve) => (this.#awaitingRoom = resolve));
    }
  }

  send(lines: readonly SentLine[]): void {
    let text = '';
    for (const line of lines) {
      this.#open.set(++this.#sent, line.i);
      text += `${line.text}\n`;
    }
    // Its request has broken meanwhile.
    if (this.#isEnded) return this.#forget('broken');
    this.#request.write(text);
    if (this.#sent >= this.#options.lines) this.end();
  }

  end(): void {
    if (!this.#request.writableEnded) this.#request.end();
  }

  #read(response: IncomingMessage, end: (code: string) => void): void {
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      if (response.statusCode !== 200) return;
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.#hear(JSON.parse(line) as LineAnswer);
      this.#awaitingRoom?.();
      this.#options.onRoom();
    });
    response.on('error', () => end('broken'));
    response.on('close', () => {
      if (!this.#request.writableEnded) this.#request.destroy();
      end(response.statusCode === 200 ? 'broken' : String(response.statusCode));
    });
  }

  #hear({ line, status, result, id = null, etag = null, writeId, problem }: LineAnswer): void {
    const { recorder } = this.#options;
    const i = this.#open.get(line);
    if (i === undefined) throw new Error(`Cannot hear an answer to a line that is not open: ${line}`);
    this.#open.delete(line);
    const t = performance.now();
    const code = problem?.code ?? String(status);
    if (status === 503 && t >= this.#restsUntil) {
      this.#restsUntil = t + restMs;
      setTimeout(() => {
        this.#awaitingRoom?.();
        this.#options.onRoom();
      }, restMs);
    }
    if (status === 202) recorder.hear({ type: 'accepted', i, t, writeId: writeId ?? '' });
    else if (status < 300)
      recorder.hear({ type: 'ok', i, t, result: result ?? 'created', documentId: id, hash: etag });
    else if (code === 'outcome_unknown' || code === '500') recorder.hear({ type: 'info', i, t, code });
    else recorder.hear({ type: 'fail', i, t, code, missing: [] });
  }

  /** What still waits will not be heard of. */
  #forget(code: string): void {
    const t = performance.now();
    for (const i of this.#open.values()) {
      // It never reached a node.
      if (code === 'ECONNREFUSED')
        this.#options.recorder.hear({ type: 'fail', i, t, code: 'node_unreachable', missing: [] });
      else this.#options.recorder.hear({ type: 'info', i, t, code });
    }
    this.#open.clear();
  }
}
