/**
 * A whole deployment on this machine: PostgreSQL, writers and API nodes, each a process of its own. They are stopped
 * in the opposite order of their start, even if a start fails half-way.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { makeFolder, type EmbeddedPostgres } from '#embedded';
import type { Model } from 'sluice/model';
import { SluiceError, type Mode } from 'sluice/internal/protocol';
import {
  agree,
  applyRoles,
  Database,
  migrate,
  roleKinds,
  roleName,
  type RoleKind,
} from 'sluice/internal/store';
import { createToken, startPostgres } from './cluster-database.ts';
import { environmentWith } from './environment-with.ts';
import { addSchema, type ExistingDatabase } from './existing-database.ts';
import { portsOf } from './ports.ts';
import { SupervisedProcess } from './supervised-process.ts';

export interface ClusterOptions {
  /** Folder of PostgreSQL's data and the logs. */
  dataDir: string;
  /** A database of the user, with tables to write to; null: an embedded PostgreSQL is started. */
  existing: ExistingDatabase | null;
  model: Model;
  modelFiles: readonly string[];
  schema: string;
  mode: Mode;
  nodes: number;
  /** 0 if the mode needs none. */
  writers: number;
  host: string;
  /** Authentication of the nodes; undefined: none, for this machine only. */
  auth: 'none' | 'keys' | undefined;
  /** Port of the first node; the others take the next ones. 0: free ports. */
  port: number;
  lanes: number;
  sessions: number;
  notifications: boolean;
  pollIntervalMs: number;
  onEvent: (sentence: string) => void;
}

/** Time for nodes, then for writers, to stop; together with PostgreSQL less than 25 s. */
const stopTimeoutMs = { node: 9000, writer: 7000 };
/** Shorter than the time for a node. */
const drainMs = 4000;

export class Cluster {
  readonly #options: ClusterOptions;
  readonly #nodes: SupervisedProcess[] = [];
  readonly #writers: SupervisedProcess[] = [];
  #postgres: EmbeddedPostgres | null = null;
  #token: string | null = null;
  /** Password of all roles, new at each start. */
  readonly #rolePassword = randomBytes(24).toString('base64url');
  #starting: Promise<EmbeddedPostgres> | null = null;
  #stopped: Promise<void> | null = null;
  readonly #stopping: Promise<void>;
  #announceStop = (): void => {};

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#stopping = new Promise((resolve) => (this.#announceStop = resolve));
  }

  get databaseUrl(): string {
    return this.#options.existing?.url ?? this.#postgres?.url ?? '';
  }

  get schema(): string {
    return this.#options.schema;
  }

  /** Opens a connection of this command itself. */
  openDatabase(): Database {
    const { schema } = this.#options;
    const applicationName = 'sluice dev';
    return new Database({ url: this.databaseUrl, schema, applicationName, connectionsMax: 1 });
  }

  /** A key with all rights; null: the nodes have no authentication. */
  get token(): string | null {
    return this.#token;
  }

  get nodeUrls(): string[] {
    return this.#nodes.flatMap(({ url }) => (url === null ? [] : [url]));
  }

  get processes(): { name: string; pid: number | null; url: string | null }[] {
    return [...this.#nodes, ...this.#writers].map(({ name, pid, url }) => ({ name, pid, url }));
  }

  get restarts(): number {
    return [...this.#nodes, ...this.#writers].reduce((sum, { restarts }) => sum + restarts, 0);
  }

  /** Resolves if PostgreSQL ends by a fault or a stop; for a database of the user, at the stop. */
  get postgresEnded(): Promise<void> {
    return this.#postgres?.exited ?? this.#stopping;
  }

  async start(): Promise<void> {
    const { dataDir, existing, onEvent } = this.#options;
    this.#assertWanted();
    if (existing === null) {
      this.#starting = startPostgres(dataDir, onEvent);
      this.#postgres = await this.#starting;
      this.#assertWanted();
    }
    // Only now, because an empty folder is given to PostgreSQL's system user, and another one is not.
    await makeFolder(join(dataDir, 'logs'));
    await this.#prepareDatabase();
    this.#assertWanted();
    const { nodes, writers, port } = this.#options;
    for (let index = 0; index < writers; index++) this.#writers.push(this.#writer(index + 1));
    portsOf(port, nodes).forEach((port, index) => this.#nodes.push(this.#node(index + 1, port)));
    await allOf([...this.#writers, ...this.#nodes].map((child) => child.start()));
  }

  /** Nodes first, because the writers help to answer their requests; PostgreSQL last. */
  stop(): Promise<void> {
    this.#announceStop();
    return (this.#stopped ??= (async () => {
      await this.#starting?.catch(() => undefined);
      await Promise.all(this.#nodes.map((node) => node.stop(stopTimeoutMs.node)));
      await Promise.all(this.#writers.map((writer) => writer.stop(stopTimeoutMs.writer)));
      await this.#postgres?.stop();
    })());
  }

  /** Kills all processes; PostgreSQL is told to stop. */
  kill(): void {
    for (const child of [...this.#nodes, ...this.#writers]) child.kill();
    this.#postgres?.kill('SIGINT');
  }

  #assertWanted(): void {
    if (this.#stopped !== null) throw new Error('Cannot start: the cluster was told to stop');
  }

  /** Reports a folder of another model here, before any process does. */
  async #prepareDatabase(): Promise<void> {
    const { model, lanes, dataDir, existing, schema, onEvent } = this.#options;
    const place = { url: this.databaseUrl, schema };
    if (existing === null) {
      await migrate(place);
      const passwords = Object.fromEntries(roleKinds.map((kind) => [kind, this.#rolePassword]));
      await applyRoles({ ...place, passwords, exclusiveDatabase: true });
    } else {
      onEvent(await addSchema({ ...existing, schema }));
    }
    const database = this.openDatabase();
    try {
      await agree(database, { lanes, modelHash: model.hash });
      if (this.#options.auth === 'keys') this.#token = await createToken(place);
    } catch (error) {
      const isOurs = existing === null && error instanceof SluiceError;
      if (!isOurs || error.code !== 'deployment_disagrees') throw error;
      throw new SluiceError(error.code, `${error.message}. Here: choose another --data-dir than ${dataDir}`, {
        cause: error,
      });
    } finally {
      await database.close();
    }
  }

  /** The database with the role of a process; no role is a superuser. A database of the user has no roles of Sluice. */
  #urlOf(role: RoleKind): string {
    if (this.#options.existing !== null) return this.databaseUrl;
    const url = new URL(this.databaseUrl);
    url.username = roleName(role, this.#options.schema);
    url.password = this.#rolePassword;
    return url.href;
  }

  #node(number: number, port: number): SupervisedProcess {
    const { mode, host, auth } = this.#options;
    // A node that commits writes itself needs a writer's rights.
    const role = mode === 'coordinated' ? 'api' : 'writer';
    return this.#supervise(`api-${number}`, role, (lastUrl) => [
      'api',
      `--mode=${mode}`,
      `--host=${host}`,
      `--drain-ms=${drainMs}`,
      ...(auth === undefined ? [] : [`--auth=${auth}`]),
      `--port=${lastUrl === null ? port : new URL(lastUrl).port}`,
    ]);
  }

  #writer(number: number): SupervisedProcess {
    return this.#supervise(`writer-${number}`, 'writer', () => [
      'writer',
      '--sessions',
      String(this.#options.sessions),
    ]);
  }

  #supervise(name: string, role: RoleKind, args: (lastUrl: string | null) => string[]): SupervisedProcess {
    const { modelFiles, existing, schema, lanes, notifications, pollIntervalMs, onEvent, dataDir } =
      this.#options;
    const shared = [
      ...modelFiles.flatMap((file) => ['--model', file]),
      ...(existing?.tables ?? []).flatMap((table) => ['--table', table]),
      `--schema=${schema}`,
      `--lanes=${lanes}`,
      `--notifications=${notifications ? 'on' : 'off'}`,
      `--poll-interval-ms=${pollIntervalMs}`,
      '--log-level=warn',
    ];
    return new SupervisedProcess({
      name,
      args: (lastUrl) => [...args(lastUrl), ...shared],
      environment: environmentWith(this.#urlOf(role), this.#urlOf('ops'), existing !== null),
      logFile: join(dataDir, 'logs', `${name}.log`),
      onEvent,
      // The same command line as this process: built, or from the sources.
      program: process.argv[1]!,
    });
  }
}

/** Waits for all, then throws the first error, because nothing may still be starting while the rest is stopped. */
async function allOf(starts: Promise<void>[]): Promise<void> {
  const settled = await Promise.allSettled(starts);
  const failed = settled.find((start) => start.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
