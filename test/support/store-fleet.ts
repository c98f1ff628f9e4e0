// Many data stores: databases of embedded servers, with two nodes and two writers as processes. For tests and measurements.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@sluice/dev/embedded';
import { migrate } from 'sluice/internal/store';
import { databaseUrl, execute } from './postgres.ts';
import { sluiceProgram } from './sluice-program.ts';

export interface FleetOptions {
  stores: number;
  servers: number;
  /** Stores in one database, each in a schema of its own. @default 1 */
  schemas?: number;
  /** Of each server, beside those that make it fast. */
  settings?: Readonly<Record<string, string>>;
  /** More arguments of each process. */
  args?: readonly string[];
}

/** Databases that are created at once. */
const creationsAtOnce = 4;

export class StoreFleet {
  readonly stores: number;
  readonly #schemas: number;
  readonly servers: EmbeddedPostgres[] = [];
  /** URLs of the nodes. */
  readonly nodes: string[] = [];
  readonly #folder: string;
  readonly #processes: ChildProcess[] = [];
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(folder: string, { stores, schemas = 1 }: FleetOptions) {
    this.#folder = folder;
    this.stores = stores;
    this.#schemas = schemas;
  }

  static async start(options: FleetOptions): Promise<StoreFleet> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-fleet-'));
    await chmod(folder, 0o755);
    const fleet = new StoreFleet(folder, options);
    try {
      await fleet.#begin(options);
    } catch (error) {
      await fleet.stop();
      throw error;
    }
    return fleet;
  }

  urlOf(store: number): string {
    return this.#urlOfDatabase(this.#databaseOf(store));
  }

  /** Of the server of a store. */
  adminOf(store: number): string {
    return databaseUrl(this.#serverOf(this.#databaseOf(store)).url, 'postgres');
  }

  /** Name of the database of a store, which stores share only where `schemas` says so. */
  databaseOf(store: number): string {
    return `d${this.#databaseOf(store)}`;
  }

  #databaseOf(store: number): number {
    return Math.floor(store / this.#schemas);
  }

  #urlOfDatabase(database: number): string {
    return databaseUrl(this.#serverOf(database).url, `d${database}`);
  }

  #serverOf(database: number): EmbeddedPostgres {
    return this.servers[database % this.servers.length]!;
  }

  #schemaOf(store: number): string {
    return this.#schemas === 1 ? 'sluice' : `t${store % this.#schemas}`;
  }

  get pids(): number[] {
    return this.#processes.map(({ pid }) => pid!);
  }

  /** Connections of all servers. */
  async connections(): Promise<number> {
    const counts = await Promise.all(
      this.servers.map(({ url }) =>
        execute(
          databaseUrl(url, 'postgres'),
          `select count(*)::int as n from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()`,
        ),
      ),
    );
    return counts.reduce((sum, [row]) => sum + (row?.['n'] as number), 0);
  }

  async #begin({ servers, settings = {}, args = [] }: FleetOptions): Promise<void> {
    const names = Array.from({ length: servers }, (_, index) => `server${index}`);
    const given = { fsync: 'off', max_connections: '600', shared_buffers: '128MB', ...settings };
    for (const name of names)
      this.servers.push(await startEmbeddedPostgres({ dataDir: join(this.#folder, name), settings: given }));
    await Promise.all(this.servers.map((_, index) => this.#createDatabases(index)));
    const [file, model] = [join(this.#folder, 'stores.json'), join(this.#folder, 'model.json')];
    const stores = Array.from({ length: this.stores }, (_, store) => [
      `s${store}`,
      { databaseUrl: this.urlOf(store), schema: this.#schemaOf(store) },
    ]);
    await writeFile(file, JSON.stringify({ stores: Object.fromEntries(stores) }));
    const note = { name: 'Note', endpoint: 'test/notes', identity: ['$.noteId'] };
    await writeFile(model, JSON.stringify({ project: 'Test', resources: [note] }));
    const common = ['--stores', file, '--model', model, '--log-level', 'silent', '--config', 'none', ...args];
    const node = ['api', '--port', '0', ...common];
    this.nodes.push(...(await Promise.all([this.#launch(node), this.#launch(node)])));
    await Promise.all([this.#launch(['writer', ...common]), this.#launch(['writer', ...common])]);
  }

  async #createDatabases(server: number): Promise<void> {
    const count = Math.ceil(this.stores / this.#schemas);
    const [template, ...others] = Array.from({ length: count }, (_, database) => database).filter(
      (database) => database % this.servers.length === server,
    );
    if (template === undefined) return;
    const admin = databaseUrl(this.servers[server]!.url, 'postgres');
    await execute(admin, `create database d${template}`);
    for (let index = 0; index < Math.min(this.#schemas, this.stores); index++)
      await migrate({ url: this.#urlOfDatabase(template), schema: this.#schemaOf(index) });
    const create = async (): Promise<void> => {
      for (let database = others.shift(); database !== undefined; database = others.shift())
        await execute(admin, `create database d${database} template d${template} strategy file_copy`);
    };
    await Promise.all(Array.from({ length: creationsAtOnce }, create));
  }

  async #launch(args: readonly string[]): Promise<string> {
    // They end with this process, however it ends.
    const child = spawn(process.execPath, [sluiceProgram, ...args, '--json', '--stop-with-stdin'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#processes.push(child);
    for await (const line of createInterface(child.stdout)) {
      const { event, url } = JSON.parse(line) as { event?: string; url?: string };
      if (event === 'ready') return url ?? '';
    }
    throw new Error(`Cannot start \`sluice ${args[0]}\`: it has ended`);
  }

  /** Creates a note. @returns The status; 0: the connection broke */
  write(node: number, store: number, noteId: number): Promise<number> {
    return new Promise((resolve) => {
      const headers = { 'content-type': 'application/json', prefer: 'wait=5' };
      const sent = request(
        `${this.nodes[node]}/s${store}/data/test/notes`,
        { method: 'POST', headers, agent: this.#agent },
        (response) => {
          response.resume().once('end', () => resolve(response.statusCode ?? 0));
        },
      );
      sent.once('error', () => resolve(0));
      sent.end(JSON.stringify({ noteId }));
    });
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    for (const child of this.#processes) child.kill('SIGTERM');
    for (const child of this.#processes)
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await Promise.all(this.servers.map((server) => server.stop()));
    await rm(this.#folder, { recursive: true, force: true });
  }
}
