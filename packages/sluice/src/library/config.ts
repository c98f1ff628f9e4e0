/**
 * The type of `sluice.config.js` and `sluice.config.mjs`, which the command line of `@sluice/server` reads. docs/reference/settings.md says
 * what each key does, with its default and its range. The server has a test that this type has the keys of its settings.
 */
import type { TargetDefinition } from '#targets';
import type { apiTunables, clientTunables, Mode, OnOverload, writerTunables } from '#protocol';

type Numbers<Tunables> = { -readonly [K in keyof Tunables]?: number };

interface DatabaseConfig {
  /** `postgres://…`. @default from PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE */
  databaseUrl?: string;
  /** A file that contains the URL, e.g. a secret of a container. */
  databaseUrlFile?: string;
  /** The stores file of a deployment with many data stores, instead of `databaseUrl`. */
  stores?: string;
  /** Schema of the deployment. @default 'sluice' */
  schema?: string;
  /** PEM file of a CA: connections then use TLS, and check the certificate of the server. */
  databaseCa?: string;
  databaseCert?: string;
  databaseKey?: string;
}

interface ModelConfig {
  /** Model files. Not needed by a node or writer with targets. */
  model?: string[];
  /** @default '2026' */
  referentialIdLayout?: '2025' | '2026';
}

interface ProcessConfig {
  /** @default 'info' */
  logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** @default 22000 */
  stopTimeoutMs?: number;
  /** With `stores`: milliseconds without use after which a store sleeps. @default 60000 */
  storeIdleMs?: number;
  /** With `stores`: most stores that are open at the same time. @default 200 */
  storesOpenMax?: number;
}

/** Keys of nodes and writers. */
interface CoordinatorConfig extends DatabaseConfig, ModelConfig, ProcessConfig {
  /** A direct URL for notifications and locks, if the other leads through a pooler. @default databaseUrl */
  listenUrl?: string;
  listenUrlFile?: string;
  /** Tables, functions and handlers that writes may go to. @default none */
  targets?: TargetDefinition[];
  /** Modules that export projections. */
  projectionModules?: string[];
  /** @default true */
  notifications?: boolean;
  /** TCP port for /metrics and /healthz. @default the port of the node; none for a writer */
  metricsPort?: number;
  /** @default '127.0.0.1' */
  metricsHost?: string;
}

interface ServerConfig {
  /** @default '127.0.0.1' */
  host?: string;
  /** TCP port; 0 selects a free one. @default 8080; 8090 for the dashboard alone */
  port?: number;
  /** PEM file: serves HTTPS. */
  tlsCert?: string;
  tlsKey?: string;
  /** Prefix of every path, e.g. `/api`. @default '' */
  basePath?: string;
  /** How clients authenticate. */
  auth?: 'none' | ('keys' | 'jwt')[];
  jwtIssuer?: string;
  jwtAudience?: string;
  /** URL or PEM file of the issuer's public keys. */
  jwtJwks?: string;
  jwtAlgorithms?: string[];
  /** @default 'client_id' */
  jwtClientClaim?: string;
  /** @default 'scope' */
  jwtScopeClaim?: string;
  /** With `stores`: the claim that names the data stores of a client. @default 'store' */
  jwtStoreClaim?: string;
  /** @default 30 */
  jwtClockToleranceSeconds?: number;
}

export interface ApiConfig
  extends CoordinatorConfig, ServerConfig, Numbers<typeof clientTunables>, Numbers<typeof apiTunables> {
  /** Scheme, host and port of absolute URLs, e.g. `https://api.example.org`. @default those of each request */
  publicUrl?: string;
  /** The same database as the role of operators, for the dashboard of the node. */
  operatorUrl?: string;
  operatorUrlFile?: string;
  operatorPassword?: string;
  operatorPasswordFile?: string;
  /** @default 'coordinated' */
  mode?: Mode;
  /** @default 'refuse' */
  onOverload?: OnOverload;
  lingerMs?: number;
  corsOrigins?: string[];
  /** @default 'on' */
  dashboard?: 'on' | 'read-only' | 'off';
}

export interface WriterConfig extends CoordinatorConfig, Numbers<typeof writerTunables> {
  /** @default 'lock' */
  ownership?: 'lock' | 'lease';
  /** @default 'load' */
  spread?: 'load' | 'even';
}

export interface DashboardConfig extends DatabaseConfig, ModelConfig, ProcessConfig, ServerConfig {
  /** @default 'on' */
  dashboard?: 'on' | 'read-only';
}

type OtherCommand =
  | 'audit'
  | 'dev'
  | 'discard'
  | 'doctor'
  | 'drain'
  | 'keys'
  | 'load'
  | 'migrate'
  | 'pause'
  | 'projections'
  | 'resume'
  | 'retry'
  | 'roles'
  | 'show'
  | 'status'
  | 'stuck'
  | 'writers';

type OfCommand = Record<string, string | number | boolean | string[]>;

/** Keys for all commands. A key under the name of a command applies to that command alone, and wins. */
export type SluiceConfig = Omit<ApiConfig & WriterConfig, 'dashboard'> & {
  api?: ApiConfig;
  writer?: WriterConfig;
  dashboard?: ApiConfig['dashboard'] | DashboardConfig;
} & { [C in OtherCommand]?: OfCommand };

/** Returns the object unchanged, with its type checked. */
export function defineConfig(config: SluiceConfig): SluiceConfig {
  return config;
}
