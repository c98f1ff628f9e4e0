/** The PostgreSQL of a run: an embedded one with known settings, or a given one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '@sluice/dev/embedded';
import { SluiceError } from 'sluice/internal/protocol';
import pg from 'pg';
import { measureFlushLatency, type FlushLatency } from './flush-latency.ts';
import { percentile } from './statistics.ts';

export interface ServerOptions {
  /** URL of a given server; null: an embedded one. */
  databaseUrl: string | null;
  /** Folder of the embedded one; null: a temporary folder. */
  dataDir: string | null;
  /** Time added to every commit, to simulate a slow disk. */
  flushDelayMs: number;
  /** Settings of the embedded one, in addition to those of every run: `{ autovacuum_naptime: '1min' }`. */
  settings: Readonly<Record<string, string>>;
  /** Whether the server counts the time of each statement. */
  withStatements: boolean;
}

export interface Server {
  url: string;
  /** Null for a given server. */
  pid: number | null;
  facts: ServerFacts;
  stop: () => Promise<void>;
}

export interface ServerFacts {
  isEmbedded: boolean;
  version: string;
  /** The relevant settings. */
  settings: Record<string, string>;
  /** Of the disk of the embedded server. */
  flush: FlushLatency | null;
  /** Milliseconds of a commit with 8 kB of WAL, of a single session. */
  commit: FlushLatency;
}

const reportedSettings = [
  'shared_buffers',
  'fsync',
  'synchronous_commit',
  'wal_sync_method',
  'full_page_writes',
  'wal_level',
  'wal_buffers',
  'wal_compression',
  'max_wal_size',
  'checkpoint_timeout',
  'commit_delay',
  'commit_siblings',
  'autovacuum',
  'autovacuum_naptime',
  'jit',
  'max_connections',
  'data_checksums',
  'io_method',
];

export async function openServer(options: ServerOptions): Promise<Server> {
  const { databaseUrl, flushDelayMs, withStatements } = options;
  if (databaseUrl !== null) {
    if (flushDelayMs > 0)
      throw new Error('Cannot delay the flushes of a given server: leave --database-url out');
    if (Object.keys(options.settings).length > 0)
      throw new Error('Cannot change the settings of a given server: leave --database-url or --postgres out');
    return {
      url: databaseUrl,
      pid: null,
      facts: await readFacts(databaseUrl, null, reportedSettings),
      stop: () => Promise.resolve(),
    };
  }
  const isTemporary = options.dataDir === null;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'sluice-bench-')));
  const settings = {
    max_connections: '300',
    max_wal_size: '8GB',
    checkpoint_timeout: '30min',
    ...(flushDelayMs > 0
      ? { commit_delay: String(Math.round(flushDelayMs * 1000)), commit_siblings: '0' }
      : {}),
    ...(withStatements
      ? {
          shared_preload_libraries: 'pg_stat_statements',
          'pg_stat_statements.track': 'all',
          'pg_stat_statements.track_planning': 'on',
          track_io_timing: 'on',
          track_wal_io_timing: 'on',
        }
      : {}),
    ...options.settings,
  };
  const remove = async (): Promise<void> => {
    if (isTemporary) await rm(dataDir, { recursive: true, force: true });
  };
  const server = await startEmbeddedPostgres({ dataDir, settings }).catch(async (error: unknown) => {
    await remove();
    if (Object.keys(options.settings).length === 0) throw error;
    const { message } = error as Error;
    throw new SluiceError('configuration_invalid', `Cannot start with what --postgres sets. ${message}`, {
      cause: error,
    });
  });
  const stop = async (): Promise<void> => {
    await server.stop();
    await remove();
  };
  try {
    const flush = measureFlushLatency(dataDir);
    const facts = await readFacts(server.url, flush, [...reportedSettings, ...Object.keys(options.settings)]);
    return { url: server.url, pid: server.pid, facts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readFacts(
  url: string,
  flush: FlushLatency | null,
  settingNames: readonly string[],
): Promise<ServerFacts> {
  const client = new pg.Client({ connectionString: url, application_name: 'sluice bench' });
  await client.connect();
  try {
    const { rows: version } = await client.query<{ server_version: string }>('show server_version');
    const { rows: settings } = await client.query<{ name: string; value: string }>(
      'select name, current_setting(name) as value from pg_settings where name = any($1) order by name',
      [settingNames],
    );
    const took: number[] = [];
    for (let index = 0; index < 300; index++) {
      const started = performance.now();
      await client.query(`select pg_logical_emit_message(true, 'sluice bench', repeat('x', 8000))`);
      took.push(performance.now() - started);
    }
    const sorted = Float64Array.from(took.slice(50)).sort();
    return {
      isEmbedded: flush !== null,
      version: version[0]?.server_version ?? '',
      settings: Object.fromEntries(settings.map(({ name, value }) => [name, value])),
      flush,
      commit: { p50Ms: percentile(sorted, 50) ?? 0, p99Ms: percentile(sorted, 99) ?? 0 },
    };
  } finally {
    await client.end();
  }
}
