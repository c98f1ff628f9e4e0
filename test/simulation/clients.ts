// The clients of a simulated deployment: they write few documents, so that they get in each other's way, and record what
// they asked and heard.

import type { SluiceClient, WriteRequest } from 'sluice/internal/client';
import { contentHash, describeDocument } from 'sluice/model';
import { isApplied, SluiceError, type Mode, type Outcome } from 'sluice/internal/protocol';
import type { HistoryEvent } from '../chaos/history.ts';
import type { Rng } from '../chaos/rng.ts';
import { clock, type SimulatedProcess } from './clock.ts';
import { resource } from './model.ts';
import type { Shape } from './shape.ts';

export interface Node {
  process: SimulatedProcess;
  client: SluiceClient;
  mode: Mode;
  died: Promise<'died'>;
  die: (what: 'died') => void;
}

/** All clients that send at the same moments do so so often. */
export const surgeMs = 1000;

export class Clients {
  readonly #rng: Rng;
  readonly #shape: Shape;
  readonly #nodes: readonly Node[];
  readonly history: HistoryEvent[] = [];
  /** Operations that wait for their answers. */
  readonly open = new Map<number, Node>();
  /** What they know of documents. */
  readonly #known: { thing: string; documentId: string; hash: string | null }[] = [];
  readonly #keyed: { request: WriteRequest; thing: string; links: string[] }[] = [];
  #operations = 0;
  #nonce = 0;
  /** Those that have not asked all that they were to ask. */
  left = 0;

  constructor(rng: Rng, shape: Shape, nodes: readonly Node[]) {
    this.#rng = rng;
    this.#shape = shape;
    this.#nodes = nodes;
  }

  start(harness: SimulatedProcess): void {
    this.left = this.#shape.clients;
    for (let proc = 0; proc < this.#shape.clients; proc++) clock.as(harness, () => void this.#run(proc));
  }

  async #run(proc: number): Promise<void> {
    const { operations, atOnce } = this.#shape;
    for (let left = operations; left > 0;) {
      await new Promise((resolve) => setTimeout(resolve, this.#pauseMs()));
      while (this.#nodes.length === 0) await new Promise((resolve) => setTimeout(resolve, 100));
      const node = this.#rng.pick(this.#nodes);
      const asks = Math.min(left, this.#rng.int(1, atOnce));
      left -= asks;
      await Promise.all(Array.from({ length: asks }, () => this.#ask(proc, node)));
    }
    this.left -= 1;
  }

  #pauseMs(): number {
    const rng = this.#rng;
    if (this.#shape.hasSurges) return surgeMs - (clock.now % surgeMs) + rng.next() * 10;
    return rng.next() * (rng.chance(0.5) ? 20 : 1200);
  }

  async #ask(proc: number, node: Node): Promise<void> {
    const rng = this.#rng;
    const known = this.#known.length > 0 ? rng.pick(this.#known) : null;
    const kind = rng.next();
    if (known !== null && kind < 0.1) return this.#read(proc, node, known);
    if (known !== null && kind < 0.22) {
      const request: WriteRequest = {
        operation: 'delete',
        resource,
        body: null,
        documentId: known.documentId,
      };
      return this.#write(proc, node, { request, thing: known.thing, links: [] });
    }
    const repeated = this.#keyed.length > 0 && kind < 0.3 ? rng.pick(this.#keyed) : null;
    if (repeated !== null) return this.#write(proc, node, repeated);
    const thing = known !== null && kind < 0.4 ? known.thing : `t${rng.int(0, this.#shape.things - 1)}`;
    const links = Array.from(
      { length: rng.pick([0, 0, 1, 1, 2]) },
      () => `t${rng.int(0, this.#shape.things - 1)}`,
    );
    const others = [...new Set(links)].filter((link) => link !== thing);
    const document = {
      thingId: thing,
      nonce: this.#nonce++,
      links: others.map((thingId) => ({ thingReference: { thingId } })),
    };
    const request: WriteRequest = { operation: 'upsert', resource, body: JSON.stringify(document) };
    if (rng.chance(0.5)) request.waitForReferencesSeconds = rng.int(1, 4);
    if (known !== null && known.thing === thing && rng.chance(0.7)) {
      request.operation = 'update';
      request.documentId = known.documentId;
      if (rng.chance(0.6)) request.ifMatch = known.hash;
    } else if (rng.chance(0.2)) {
      request.idempotencyKey = `key${this.#nonce}`;
      this.#keyed.push({ request, thing, links: others });
    }
    return this.#write(proc, node, { request, thing, links: others });
  }

  async #read(
    proc: number,
    node: Node,
    { thing, documentId }: { thing: string; documentId: string },
  ): Promise<void> {
    const i = this.#operations++;
    const doc = identityOf(thing);
    this.history.push({
      type: 'invoke',
      i,
      t: clock.now,
      proc,
      op: 'read',
      doc,
      documentId,
      refs: [],
      hash: '',
      ifMatch: null,
      key: null,
    });
    const asked = clock.as(node.process, () => node.client.readDocument(resource, documentId));
    try {
      const stored = await Promise.race([asked, node.died]);
      if (stored === 'died') return;
      this.history.push({
        type: 'ok',
        i,
        t: clock.now,
        result: 'read',
        documentId,
        hash: stored?.contentHash ?? null,
      });
    } catch {
      this.history.push({ type: 'info', i, t: clock.now, code: 'unread' });
    }
  }

  async #write(
    proc: number,
    node: Node,
    { request, thing, links }: { request: WriteRequest; thing: string; links: readonly string[] },
  ): Promise<void> {
    const i = this.#operations++;
    const { operation, body, documentId = null, ifMatch = null, idempotencyKey = null } = request;
    const hash = body === null ? '' : contentHash(JSON.parse(body));
    const doc = identityOf(thing);
    const refs = links.map(identityOf);
    this.history.push({
      type: 'invoke',
      i,
      t: clock.now,
      proc,
      op: operation,
      doc,
      documentId,
      refs,
      hash,
      ifMatch,
      key: idempotencyKey,
    });
    this.open.set(i, node);
    try {
      if (node.mode === 'coordinated' && operation === 'upsert' && this.#rng.chance(0.15)) {
        const accepted = clock.as(node.process, () => node.client.accept({ ...request }));
        const answer = await Promise.race([accepted, node.died]);
        if (answer !== 'died')
          this.history.push({ type: 'accepted', i, t: clock.now, writeId: answer.writeId });
        return;
      }
      const submitted = clock.as(node.process, () => node.client.submit({ ...request }));
      const outcome = await Promise.race([submitted, node.died]);
      if (outcome !== 'died') this.#hear(i, thing, outcome);
    } catch (error) {
      const t = clock.now;
      const code = error instanceof SluiceError ? error.code : 'internal';
      if (code === 'outcome_unknown') this.history.push({ type: 'info', i, t, code });
      else this.history.push({ type: 'fail', i, t, code, missing: [] });
    } finally {
      this.open.delete(i);
    }
  }

  #hear(i: number, thing: string, { result, code, documentId, contentHash: hash, detail }: Outcome): void {
    const t = clock.now;
    if (isApplied(result)) {
      this.history.push({ type: 'ok', i, t, result, documentId, hash });
      if (documentId !== null && result !== 'deleted') this.#known.push({ thing, documentId, hash });
      return;
    }
    const missing = detail?.missing?.map(({ referentialId }) => referentialId) ?? [];
    this.history.push({ type: 'fail', i, t, code: code ?? '', missing });
  }
}

function identityOf(thingId: string): string {
  return describeDocument(resource, { thingId }).referentialId;
}
