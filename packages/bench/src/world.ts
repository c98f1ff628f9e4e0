/**
 * The database of a measurement. Every measurement starts with an equal one: a clone of a template that is migrated,
 * prefilled, vacuumed and analysed once, followed by a checkpoint. If the template is too large to copy, measurements
 * use it one after another.
 */
import { randomBytes } from 'node:crypto';
import { applyRoles, migrate, roleKinds, roleName } from 'sluice/internal/store';
import pg from 'pg';
import { prefill, type PrefillOptions } from './prefill.ts';

export type WorldOptions = Omit<PrefillOptions, 'url'> & {
  /** A superuser, or a role that may create databases. */
  serverUrl: string;
  /** All use the same database, one after another, because it is too large to copy. */
  isShared: boolean;
  /** Creates the roles of a deployment, so that nodes have only their own rights. @default false */
  hasRoles?: boolean;
  /** Makes the schema. @default that of this build */
  migrate?: (url: string) => Promise<void>;
  /** Fills the schema. @default that of this build */
  prefill?: typeof prefill;
};

export class World {
  readonly #serverUrl: string;
  readonly #isShared: boolean;
  readonly #rolePrefix: string | null;
  readonly #id = randomBytes(4).toString('hex');
  #clones = 0;

  constructor(serverUrl: string, isShared: boolean, hasRoles = false) {
    this.#serverUrl = serverUrl;
    this.#isShared = isShared;
    this.#rolePrefix = hasRoles ? `sluice_bench_${this.#id}` : null;
  }

  /** The role of nodes, without rights on tables outside of Sluice; null: nodes have the role of the writers. */
  get nodeRole(): string | null {
    return this.#rolePrefix === null ? null : roleName('api', this.#rolePrefix);
  }

  static async create(options: WorldOptions): Promise<World> {
    const world = new World(options.serverUrl, options.isShared, options.hasRoles);
    await world.#execute(`create database ${world.#template}`);
    const url = databaseUrl(options.serverUrl, world.#template);
    try {
      if (options.migrate === undefined) await migrate({ url });
      else await options.migrate(url);
      await (options.prefill ?? prefill)({ ...options, url });
      if (world.#rolePrefix !== null) await applyRoles({ url, prefix: world.#rolePrefix });
    } catch (error) {
      await world.remove();
      throw error;
    }
    return world;
  }

  get #template(): string {
    return `sluice_bench_${this.#id}`;
  }

  /**
   * Runs `work` on a database of its own, or on the one that all share.
   * @param keys `declared`: with declared foreign keys instead of the triggers, which are made for batches. With one
   *   document per transaction, declared keys are faster.
   */
  async use<T>(keys: 'own' | 'declared', work: (url: string) => Promise<T>): Promise<T> {
    return this.#isShared ? this.#useShared(keys, work) : this.#useFresh(keys, work);
  }

  async #useFresh<T>(keys: 'own' | 'declared', work: (url: string) => Promise<T>): Promise<T> {
    const name = `${this.#template}_${++this.#clones}`;
    await this.#execute(`create database ${name} template ${this.#template} strategy file_copy`);
    try {
      if (keys === 'declared') await this.#execute(declareKeys, name);
      await this.#execute('checkpoint');
      return await work(databaseUrl(this.#serverUrl, name));
    } finally {
      await this.#execute(`drop database if exists ${name} with (force)`);
    }
  }

  /** Earlier documents stay; the intake and its outcomes are emptied. */
  async #useShared<T>(keys: 'own' | 'declared', work: (url: string) => Promise<T>): Promise<T> {
    const name = this.#template;
    await this.#execute('truncate sluice.intake, sluice.outcome', name);
    if (keys === 'declared') await this.#execute(declareKeys, name);
    try {
      await this.#execute('checkpoint');
      return await work(databaseUrl(this.#serverUrl, name));
    } finally {
      if (keys === 'declared') await this.#execute(withdrawKeys, name);
    }
  }

  async remove(): Promise<void> {
    await this.#execute(`drop database if exists ${this.#template} with (force)`);
    if (this.#rolePrefix === null) return;
    const names = roleKinds.map((kind) => roleName(kind, this.#rolePrefix ?? ''));
    await this.#execute(`drop role if exists ${names.join(', ')}`);
  }

  async #execute(text: string, database?: string): Promise<void> {
    const connectionString =
      database === undefined ? this.#serverUrl : databaseUrl(this.#serverUrl, database);
    const client = new pg.Client({ connectionString, application_name: 'sluice bench' });
    await client.connect();
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  }
}

/** Stored rows are known to obey them. */
const declareKeys = `
  alter table sluice.alias disable trigger user;
  alter table sluice.reference disable trigger user;
  alter table sluice.document disable trigger user;
  alter table sluice.alias add constraint bench_alias_document
    foreign key (document_id) references sluice.document on delete restrict not valid;
  alter table sluice.reference add constraint bench_reference_document
    foreign key (document_id) references sluice.document on delete restrict not valid;
  alter table sluice.reference add constraint bench_reference_alias
    foreign key (referential_id) references sluice.alias on delete restrict not valid`;

const withdrawKeys = `
  alter table sluice.reference drop constraint bench_reference_alias, drop constraint bench_reference_document;
  alter table sluice.alias drop constraint bench_alias_document;
  alter table sluice.document enable trigger user;
  alter table sluice.reference enable trigger user;
  alter table sluice.alias enable trigger user`;

export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
