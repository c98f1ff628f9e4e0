// One seed: a small deployment of the product's own code in virtual time, clients that get in each other's way, faults as
// the seed has them; then no more faults, the time to recover, and the same check as of a run of real processes.

import { createClient } from 'sluice/internal/client';
import type { Mode } from 'sluice/internal/protocol';
import { schemaVersion } from 'sluice/internal/store';
import { createWriter, type Writer } from 'sluice/internal/writer';
import { checkHistory } from '../chaos/check-history.ts';
import type { HistoryEvent, OutcomeRow, Truth } from '../chaos/history.ts';
import type { Rng } from '../chaos/rng.ts';
import type { Verdict } from '../chaos/verdict.ts';
import { Clients, surgeMs, type Node } from './clients.ts';
import { clock, SimulatedProcess } from './clock.ts';
import { model } from './model.ts';
import { network, type Network } from './network.ts';
import { Server } from './server.ts';
import { shapeOf, type FaultName, type Shape } from './shape.ts';
import { ledLanes } from './statements/lane.ts';
import { Access, endTransaction, lockFor, type TableName, type Transaction, type Values } from './tables.ts';

/** By then everything is settled that was left when the faults ended, and every lane is led. */
const recoveryMs = 15_000;
const faultsEndMs = 20_000;
const clientsEndMs = 60_000;

export class SeedRun {
  readonly #server = new Server(schemaVersion);
  readonly #network: Network;
  readonly #rng: Rng;
  readonly #shape: Shape;
  readonly #harness = new SimulatedProcess('clients');
  readonly #nodes: Node[] = [];
  readonly #writers: { process: SimulatedProcess; writer: Writer }[] = [];
  readonly #samples: number[] = [];
  readonly #clients: Clients;
  #faultsOverAt = 0;
  /** Transactions of somebody else that hold locks. */
  readonly #outsiders = new Set<Transaction>();

  constructor() {
    this.#network = network.begin(this.#server);
    this.#rng = clock.rng.fork();
    this.#shape = shapeOf(this.#rng);
    this.#clients = new Clients(this.#rng, this.#shape, this.#nodes);
    this.#server.onCommit = () => this.#sample();
  }

  get description(): string {
    return JSON.stringify(this.#shape);
  }

  /** Cycles of waiting that the server has broken. */
  get deadlocks(): number {
    return this.#server.deadlocks;
  }

  /** What was checked. */
  get recordings(): { history: readonly HistoryEvent[]; truth: Truth } {
    return { history: this.#clients.history, truth: this.#truth() };
  }

  async run(): Promise<Verdict> {
    const { modes, writers, faults } = this.#shape;
    for (const mode of modes) this.#startNode(mode);
    for (let index = 0; index < writers; index++) this.#startWriter();
    this.#clients.start(this.#harness);
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
    await clock.run(() => this.#clients.left === 0 && clock.now > this.#faultsOverAt, faultsEndMs);
    this.#calm();
    await clock.run(() => this.#clients.left === 0 && this.#isCalm(), clientsEndMs);
    const until = clock.now + recoveryMs;
    await clock.run(() => this.#isCalm(), until);
    return checkHistory(this.#clients.history, this.#truth());
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
    const { lanes, notifications, batchWritesMax, ownership, spread } = this.#shape;
    clock.as(process, () => {
      const writer = createWriter({
        url: 'postgres://simulated',
        model,
        lanes,
        notifications,
        batchWritesMax,
        ownership,
        spread,
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
      case 'lockRows':
        this.#lockRows(lastsMs);
        return;
      case 'crash':
        this.#server.crash();
        clock.after(100 + rng.next() * 1500, () => this.#server.restart());
    }
  }

  /** Somebody else locks up to five rows of one table, for a while. */
  #lockRows(lastsMs: number): void {
    const rng = this.#rng;
    const name = rng.pick<TableName>([
      'document',
      'document',
      'document',
      'lane',
      'alias',
      'reference',
      'intake',
    ]);
    const outsider = this.#server.begin();
    this.#outsiders.add(outsider);
    for (const tuple of rng.shuffle([...this.#server.tables[name].tuples]).slice(0, 5))
      lockFor(outsider, tuple);
    clock.after(lastsMs, () => this.#release(outsider));
  }

  #release(outsider: Transaction): void {
    if (this.#outsiders.delete(outsider)) endTransaction(outsider, 'aborted');
  }

  #calm(): void {
    for (const outsider of this.#outsiders) this.#release(outsider);
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
      unanswered: [...this.#clients.open].filter(([, node]) => !node.process.isDead).map(([i]) => i),
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
