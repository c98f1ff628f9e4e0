/**
 * The type of `sluice.config.js` and `sluice.config.mjs`, which the command line of `@sluice/server` reads. docs/reference/settings.md says
 * what each key does, with its default and its range. The server has a test that this type has the keys of its settings.
 */
import type { TargetDefinition } from '#targets';
import type { apiTunables, clientTunables, Mode, OnOverload, writerTunables } from '#protocol';

type Numbers<Tunables> = { -readonly [K in keyof Tunables]?: number };

export interface DatabaseConfig {
  /** `postgres://…`; left out, PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE count. */
  databaseUrl?: string;
  /** A file that holds the URL, e.g. a secret of a container. */
  databaseUrlFile?: string;
  /** The stores file of a deployment with many data stores, in the place of `databaseUrl`. */
  stores?: string;
  /** Of the deployment. @default 'sluice' */
  schema?: string;
  /** PEM file: connections then use TLS, and check the server. */
  databaseCa?: string;
  databaseCert?: string;
  databaseKey?: string;
}

export interface ListenConfig {
  /** A direct URL for notifications and locks, where the other leads through a pooler. */
  listenUrl?: string;
  listenUrlFile?: string;
}

export interface TargetsConfig {
  /** Tables, functions and handlers that writes may go to. @default none */
  targets?: TargetDefinition[];
}

export interface ModelConfig {
  /** Model files. A node or writer with targets needs none. */
  model?: string[];
  /** @default '2026' */
  referentialIdLayout?: '2025' | '2026';
}

export interface ProcessConfig {
  /** @default 'info' */
  logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** @default 22000 */
  stopTimeoutMs?: number;
  /** With `stores`: a store sleeps when it was not used for so long. @default 60000 */
  storeIdleMs?: number;
  /** With `stores`: stores that are open at once. @default 200 */
  storesOpenMax?: number;
}

export interface MetricsConfig {
  /** TCP port for /metrics and /healthz; left out, a node has them on its own port. */
  metricsPort?: number;
  /** @default '127.0.0.1' */
  metricsHost?: string;
}

export interface ServerConfig {
  /** @default '127.0.0.1' */
  host?: string;
  /** 0 takes a free one. @default 8080; of the dashboard alone 8090 */
  port?: number;
  /** PEM file: serves HTTPS. */
  tlsCert?: string;
  tlsKey?: string;
  /** What stands before every path, e.g. `/api`. @default '' */
  basePath?: string;
  /** How clients say who they are. */
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
  /** With `stores`: claim that names the data stores of a client. @default 'store' */
  jwtStoreClaim?: string;
  /** @default 30 */
  jwtClockToleranceSeconds?: number;
}

export interface ApiConfig
  extends
    DatabaseConfig,
    ListenConfig,
    ModelConfig,
    TargetsConfig,
    ProcessConfig,
    MetricsConfig,
    ServerConfig,
    Numbers<typeof clientTunables>,
    Numbers<typeof apiTunables> {
  /** The same database as the role of operators, for the dashboard of the node. */
  operatorUrl?: string;
  operatorUrlFile?: string;
  operatorPassword?: string;
  operatorPasswordFile?: string;
  /** Modules that export projections. */
  projectionModules?: string[];
  /** @default 'coordinated' */
  mode?: Mode;
  /** @default true */
  notifications?: boolean;
  /** @default 'refuse' */
  onOverload?: OnOverload;
  lingerMs?: number;
  corsOrigins?: string[];
  /** @default 'on' */
  dashboard?: 'on' | 'read-only' | 'off';
}

export interface WriterConfig
  extends
    DatabaseConfig,
    ListenConfig,
    ModelConfig,
    TargetsConfig,
    ProcessConfig,
    MetricsConfig,
    Numbers<typeof writerTunables> {
  /** Modules that export projections. */
  projectionModules?: string[];
  /** @default 'lock' */
  ownership?: 'lock' | 'lease';
  /** @default 'load' */
  spread?: 'load' | 'even';
  /** @default true */
  notifications?: boolean;
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

/** Keys for all commands, and under the name of a command those for that command alone, which come first. */
export type SluiceConfig = Omit<ApiConfig & WriterConfig, 'dashboard'> & {
  api?: ApiConfig;
  writer?: WriterConfig;
  dashboard?: ApiConfig['dashboard'] | DashboardConfig;
} & { [C in OtherCommand]?: OfCommand };

/** Gives the type, and the object back. */
export function defineConfig(config: SluiceConfig): SluiceConfig {
  return config;
}
