// One seed: a small deployment of the product's own code in virtual time, clients that get in each other's way, faults as
// the seed has them; then no more faults, the time to recover, and the same check as of a run of real processes.

import { readFileSync } from 'node:fs';
import { createClient, type SluiceClient, type WriteRequest } from '@sluice/client';
import { contentHash, describeDocument, parseModel } from '@sluice/model';
import { isApplied, SluiceError, type Mode, type Outcome } from '@sluice/protocol';
import { schemaVersion } from '@sluice/store';
import { createWriter, type Writer } from '@sluice/writer';
import { checkHistory } from '../chaos/check-history.ts';
import type { HistoryEvent, OutcomeRow, Truth } from '../chaos/history.ts';
import type { Rng } from '../chaos/rng.ts';
import type { Verdict } from '../chaos/verdict.ts';
import { clock, SimulatedProcess } from './clock.ts';
import { network, type Network } from './network.ts';
import { Server } from './server.ts';
import { ledLanes } from './statements.ts';
import { Access, type Values } from './tables.ts';

const model = parseModel(
  JSON.parse(readFileSync(new URL('../chaos/model.json', import.meta.url), 'utf8')) as unknown,
);
const resource = model.findEndpoint('chaos/things')!;

/** By then everything is settled that was left when the faults ended, and every lane is led. */
const recoveryMs = 15_000;
const faultsEndMs = 20_000;
const clientsEndMs = 60_000;
const surgeMs = 1000;

type FaultName =
  | 'killWriter'
  | 'freezeWriter'
  | 'restartWriter'
  | 'killNode'
  | 'restartNode'
  | 'freezeNode'
  | 'terminate'
  | 'reset'
  | 'silence'
  | 'loseHints'
  | 'fillQueue'
  | 'crash';
const faultNames: readonly FaultName[] = [
  'killWriter',
  'freezeWriter',
  'restartWriter',
  'killNode',
  'restartNode',
  'freezeNode',
  'terminate',
  'reset',
  'silence',
  'loseHints',
  'fillQueue',
  'crash',
];

interface Node {
  process: SimulatedProcess;
  client: SluiceClient;
  mode: Mode;
  died: Promise<'died'>;
  die: (what: 'died') => void;
}

interface Shape {
  lanes: number;
  modes: Mode[];
  writers: number;
  things: number;
  clients: number;
  operations: number;
  /** Writes that a client sends at once. */
  atOnce: number;
  /** All clients send at the same moments, once a second. */
  hasSurges: boolean;
  /** How long nodes await an outcome before they cancel its write. */
  waitMs: number;
  batchWritesMax: number;
  /** Of nodes in coordinated mode; 0: none of them has a fast path. */
  fastPathWritesMax: number;
  notifications: boolean;
  ownership: 'lock' | 'lease';
  faults: FaultName[];
}

function shapeOf(rng: Rng): Shape {
  // Everybody writes the same few documents at the same moments, past the intake and through it.
  const isCrowded = rng.chance(0.25);
  const isMixed = isCrowded || rng.chance(0.4);
  const atOnce = isCrowded ? 12 : rng.pick([1, 1, 4, 12]);
  return {
    lanes: rng.int(2, 5),
    modes: Array.from({ length: rng.int(isMixed ? 2 : 1, 3) }, () =>
      isMixed ? rng.pick<Mode>(['coordinated', 'local', 'local', 'direct']) : 'coordinated',
    ),
    writers: rng.int(1, 3),
    things: isCrowded ? rng.int(3, 5) : rng.int(3, 9),
    clients: rng.int(4, 10),
    operations: rng.int(5, 14) * (atOnce === 12 ? 2 : 1),
    atOnce,
    hasSurges: isCrowded || rng.chance(0.3),
    waitMs: rng.pick([80, 300, 1500, 6000, 6000]),
    batchWritesMax: rng.pick([3, 8, 512]),
    fastPathWritesMax: rng.pick([0, 0, 1, 4, 64]),
    notifications: rng.chance(0.85),
    ownership: rng.chance(0.3) ? 'lease' : 'lock',
    faults: rng.shuffle(faultNames).slice(0, rng.int(0, 5)),
  };
}

export class SeedRun {
  readonly #server = new Server(schemaVersion);
  readonly #network: Network;
  readonly #rng: Rng;
  readonly #shape: Shape;
  readonly #history: HistoryEvent[] = [];
  readonly #open = new Map<number, Node>();
  readonly #harness = new SimulatedProcess('clients');
  readonly #nodes: Node[] = [];
  readonly #writers: { process: SimulatedProcess; writer: Writer }[] = [];
  readonly #samples: number[] = [];
  /** What clients know of documents. */
  readonly #known: { thing: string; documentId: string; hash: string | null }[] = [];
  readonly #keyed: { request: WriteRequest; thing: string; links: string[] }[] = [];
  #operations = 0;
  #nonce = 0;
  #clientsLeft = 0;
  #faultsOverAt = 0;

  constructor() {
    this.#network = network.begin(this.#server);
    this.#rng = clock.rng.fork();
    this.#shape = shapeOf(this.#rng);
    this.#server.onCommit = () => this.#sample();
  }

  get description(): string {
    return JSON.stringify(this.#shape);
  }

  /** Circles of waiting that the server has broken. */
  get deadlocks(): number {
    return this.#server.deadlocks;
  }

  /** What was checked. */
  get recordings(): { history: readonly HistoryEvent[]; truth: Truth } {
    return { history: this.#history, truth: this.#truth() };
  }

  async run(): Promise<Verdict> {
    const { modes, writers, clients, faults } = this.#shape;
    for (const mode of modes) this.#startNode(mode);
    for (let index = 0; index < writers; index++) this.#startWriter();
    this.#clientsLeft = clients;
    for (let proc = 0; proc < clients; proc++) clock.as(this.#harness, () => void this.#client(proc));
    for (const fault of faults) {
      for (let times = this.#rng.int(1, 4); times > 0; times--) {
        const afterMs = this.#rng.next() * this.#busyMs;
        this.#faultsOverAt = Math.max(this.#faultsOverAt, afterMs);
        clock.after(afterMs, () => this.#inject(fault));
      }
    }
    const vacuum = (): void => {
      this.#server.vacuum();
      clock.after(1000, vacuum);
    };
    clock.after(1000, vacuum);
    await clock.run(() => this.#clientsLeft === 0 && clock.now > this.#faultsOverAt, faultsEndMs);
    this.#calm();
    await clock.run(() => this.#clientsLeft === 0 && this.#isCalm(), clientsEndMs);
    const until = clock.now + recoveryMs;
    await clock.run(() => this.#isCalm(), until);
    return checkHistory(this.#history, this.#truth());
  }

  /** About as long as clients are at work: faults are for them. */
  get #busyMs(): number {
    const { operations, atOnce, hasSurges } = this.#shape;
    const rounds = (2 * operations) / (1 + atOnce);
    return Math.min(500 + rounds * (hasSurges ? surgeMs : 450), faultsEndMs / 2);
  }

  #startNode(mode: Mode): void {
    const process = new SimulatedProcess(`${mode} node`);
    const { lanes, notifications, waitMs, fastPathWritesMax } = this.#shape;
    clock.as(process, () => {
      const client = createClient({
        url: 'postgres://simulated',
        model,
        mode,
        lanes,
        notifications,
        waitMs,
        fastPathWritesMax,
        drainMs: 1000,
        sessionsMax: mode === 'direct' ? 4 : 2,
      });
      let die: Node['die'] = () => undefined;
      const died = new Promise<'died'>((resolve) => (die = resolve));
      const node: Node = { process, client, mode, died, die };
      const start = (): void => {
        client.start().then(
          () => this.#nodes.push(node),
          // The database was down: a supervisor starts it again.
          () => {
            clock.kill(process);
            clock.after(300, () => this.#startNode(mode));
          },
        );
      };
      start();
    });
  }

  #startWriter(): void {
    const process = new SimulatedProcess('writer');
    const { lanes, notifications, batchWritesMax, ownership } = this.#shape;
    clock.as(process, () => {
      const writer = createWriter({
        url: 'postgres://simulated',
        model,
        lanes,
        notifications,
        batchWritesMax,
        ownership,
      });
      this.#writers.push({ process, writer });
      writer.start().catch(() => this.#endWriter(process));
    });
  }

  #endWriter(process: SimulatedProcess): void {
    if (process.isDead) return;
    clock.kill(process);
    for (const connection of this.#network.of(process)) connection.abandon();
    const index = this.#writers.findIndex((writer) => writer.process === process);
    if (index >= 0) this.#writers.splice(index, 1);
    clock.after(200 + clock.rng.next() * 1500, () => this.#startWriter());
  }

  #inject(fault: FaultName): void {
    const rng = this.#rng;
    const node = this.#nodes.length > 0 ? rng.pick(this.#nodes) : null;
    const running = this.#writers.length > 0 ? rng.pick(this.#writers) : null;
    const writer = running?.process ?? null;
    const connections = [...this.#network.connections];
    const lastsMs = 500 + rng.next() * 6000;
    this.#faultsOverAt = Math.max(this.#faultsOverAt, clock.now + lastsMs);
    switch (fault) {
      case 'killWriter':
        if (writer !== null) this.#endWriter(writer);
        return;
      case 'killNode':
        if (node === null) return;
        this.#nodes.splice(this.#nodes.indexOf(node), 1);
        clock.kill(node.process);
        for (const connection of this.#network.of(node.process)) connection.abandon();
        clock.as(this.#harness, () => node.die('died'));
        clock.after(500, () => this.#startNode(node.mode));
        return;
      case 'restartWriter':
        if (running === null) return;
        this.#writers.splice(this.#writers.indexOf(running), 1);
        clock.as(running.process, () => {
          void running.writer.stop().finally(() => this.#endWriter(running.process));
        });
        return;
      case 'restartNode':
        if (node === null) return;
        this.#nodes.splice(this.#nodes.indexOf(node), 1);
        clock.as(node.process, () => void node.client.stop().finally(() => this.#startNode(node.mode)));
        return;
      case 'freezeWriter':
      case 'freezeNode': {
        const process = fault === 'freezeWriter' ? writer : (node?.process ?? null);
        if (process === null || process.isFrozen) return;
        clock.freeze(process);
        clock.after(lastsMs, () => clock.thaw(process));
        return;
      }
      case 'terminate': {
        const sessions = [...this.#server.sessions];
        if (sessions.length > 0) rng.pick(sessions).terminate('57P01');
        return;
      }
      case 'reset':
        if (connections.length > 0) rng.pick(connections).reset();
        return;
      case 'silence':
        if (connections.length > 0) rng.pick(connections).isSilent = true;
        return;
      case 'loseHints':
        this.#server.hintsLost = rng.pick([30, 100]);
        clock.after(lastsMs, () => (this.#server.hintsLost = 0));
        return;
      case 'fillQueue':
        this.#server.isQueueFull = true;
        clock.after(lastsMs, () => (this.#server.isQueueFull = false));
        return;
      case 'crash':
        this.#server.crash();
        clock.after(100 + rng.next() * 1500, () => this.#server.restart());
    }
  }

  #calm(): void {
    this.#server.hintsLost = 0;
    this.#server.isQueueFull = false;
    this.#server.restart();
    for (const connection of this.#network.connections) if (connection.isSilent) connection.reset();
    for (const { process } of [...this.#nodes, ...this.#writers]) if (process.isFrozen) clock.thaw(process);
  }

  #isCalm(): boolean {
    const { intake, unledLanes, unanswered } = this.#rest();
    return unanswered.length === 0 && unledLanes.length === 0 && intake.every(({ isWaiting }) => isWaiting);
  }

  // Clients

  async #client(proc: number): Promise<void> {
    const { operations, atOnce } = this.#shape;
    for (let left = operations; left > 0;) {
      await new Promise((resolve) => setTimeout(resolve, this.#pauseMs()));
      while (this.#nodes.length === 0) await new Promise((resolve) => setTimeout(resolve, 100));
      const node = this.#rng.pick(this.#nodes);
      const asks = Math.min(left, this.#rng.int(1, atOnce));
      left -= asks;
      await Promise.all(Array.from({ length: asks }, () => this.#ask(proc, node)));
    }
    this.#clientsLeft -= 1;
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
    this.#history.push({
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
      this.#history.push({
        type: 'ok',
        i,
        t: clock.now,
        result: 'read',
        documentId,
        hash: stored?.contentHash ?? null,
      });
    } catch {
      this.#history.push({ type: 'info', i, t: clock.now, code: 'unread' });
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
    this.#history.push({
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
    this.#open.set(i, node);
    try {
      if (node.mode === 'coordinated' && operation === 'upsert' && this.#rng.chance(0.15)) {
        const accepted = clock.as(node.process, () => node.client.accept({ ...request }));
        const answer = await Promise.race([accepted, node.died]);
        if (answer !== 'died')
          this.#history.push({ type: 'accepted', i, t: clock.now, writeId: answer.writeId });
        return;
      }
      const submitted = clock.as(node.process, () => node.client.submit({ ...request }));
      const outcome = await Promise.race([submitted, node.died]);
      if (outcome !== 'died') this.#hear(i, thing, outcome);
    } catch (error) {
      const t = clock.now;
      const code = error instanceof SluiceError ? error.code : 'internal';
      if (code === 'outcome_unknown') this.#history.push({ type: 'info', i, t, code });
      else this.#history.push({ type: 'fail', i, t, code, missing: [] });
    } finally {
      this.#open.delete(i);
    }
  }

  #hear(i: number, thing: string, { result, code, documentId, contentHash: hash, detail }: Outcome): void {
    const t = clock.now;
    if (isApplied(result)) {
      this.#history.push({ type: 'ok', i, t, result, documentId, hash });
      if (documentId !== null && result !== 'deleted') this.#known.push({ thing, documentId, hash });
      return;
    }
    const missing = detail?.missing?.map(({ referentialId }) => referentialId) ?? [];
    this.#history.push({ type: 'fail', i, t, code: code ?? '', missing });
  }

  // Truth

  #access(): Access {
    const server = this.#server;
    return new Access(server.tables, server.begin(), server.newest);
  }

  #all(name: Parameters<Access['select']>[0]): Values[] {
    return this.#access().select(name);
  }

  #sample(): void {
    const aliases = new Set(this.#all('alias').map((row) => row['referential_id']));
    const documents = new Set(this.#all('document').map((row) => row['document_id']));
    const dangling = this.#all('reference').filter(
      (row) => !aliases.has(row['referential_id']) || !documents.has(row['document_id']),
    ).length;
    // Once is enough to be told.
    if (dangling > 0 || this.#samples.length === 0) this.#samples.push(Math.min(dangling, 1));
  }

  #rest(): Pick<Truth, 'intake' | 'unledLanes' | 'unanswered'> {
    const server = this.#server;
    const led = ledLanes(this.#access(), server);
    return {
      intake: this.#all('intake').map((row) => ({
        writeId: row['write_id'] as string,
        isWaiting:
          row['blocked_at'] !== null &&
          row['reference_deadline'] !== null &&
          Date.parse(row['reference_deadline'] as string) > clock.epochMs,
      })),
      unledLanes: Array.from({ length: this.#shape.lanes }, (_, lane) => lane).filter(
        (lane) => !led.has(lane),
      ),
      unanswered: [...this.#open].filter(([, node]) => !node.process.isDead).map(([i]) => i),
    };
  }

  #truth(): Truth {
    return {
      ...this.#rest(),
      outcomes: this.#access()
        .committed('outcome')
        .map(({ row, at }): OutcomeRow => ({
          writeId: row['write_id'] as string,
          batchId: row['batch_id'] as string,
          ordinal: row['ordinal'] as number,
          lane: row['lane'] as number,
          term: row['term'] as number | null,
          at,
          result: row['result'] as OutcomeRow['result'],
          code: row['code'] as string | null,
          documentId: row['document_id'] as string | null,
          version: row['version'] as number | null,
          hash: row['content_hash'] as string | null,
        })),
      documents: this.#all('document').map((row) => ({
        documentId: row['document_id'] as string,
        referentialId: row['referential_id'] as string,
        version: row['version'] as number,
        hash: row['content_hash'] as string,
      })),
      aliases: this.#all('alias').map((row) => ({
        referentialId: row['referential_id'] as string,
        documentId: row['document_id'] as string,
      })),
      references: this.#all('reference').map((row) => ({
        documentId: row['document_id'] as string,
        referentialId: row['referential_id'] as string,
      })),
      samples: this.#samples,
      leaks: 0,
    };
  }
}

function identityOf(thingId: string): string {
  return describeDocument(resource, { thingId }).referentialId;
}
