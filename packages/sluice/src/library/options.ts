/** The options of a client and of a writer, checked before anything starts. An error names the wrong option. */
import { modes, SluiceError } from '#protocol';
import { parseModel, readModel, unreadableModel, type Model } from '#model';
import type { TargetDefinition } from '#targets';
import * as z from 'zod';

/** The used connection settings of a `pg.Pool`. */
interface PoolLike {
  readonly options: {
    connectionString?: string | undefined;
    host?: string | undefined;
    port?: number | undefined;
    user?: string | undefined;
    password?: unknown;
    database?: string | undefined;
    ssl?: unknown;
  };
}

export interface Connection {
  /** `postgres://…` */
  connectionString?: string;
  /** A `pg.Pool` of the program, for its connection settings only: Sluice opens connections of its own. */
  pool?: PoolLike;
}

/** A model: an object of the native form, a file or several, or a parsed model. */
export type ModelSource = object | string | readonly string[] | Model;

/** Options of a client and of a writer. */
export interface ProcessOptions extends Connection {
  /** Model of the documents. @default none; then `targets` is required */
  model?: ModelSource;
  /** A direct connection for LISTEN, if the other leads through a pooler. @default the other */
  listenConnectionString?: string;
}

export const milliseconds: z.ZodType<number> = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const count = z
  .number()
  .int()
  .min(1)
  .max(2 ** 31 - 1);

/** The options that locate the database. */
export const place = {
  connectionString: z.string().min(1).optional(),
  pool: z.custom<PoolLike>((value) => isObject(value) && isObject(value['options'])).optional(),
  schema: z.string().min(1).optional(),
};

export const modelSource = z.custom<ModelSource>(
  (value) => isObject(value) || typeof value === 'string' || Array.isArray(value),
);

const connection = {
  ...place,
  model: modelSource.optional(),
  // `checkDefinitions` of #targets checks their content.
  targets: z.array(z.custom<TargetDefinition>(isObject)).optional(),
  listenConnectionString: z.string().min(1).optional(),
  lanes: z.number().int().min(1).max(1024).optional(),
  notifications: z.boolean().optional(),
  pollIntervalMs: milliseconds.optional(),
  cascadeDocumentsMax: count.optional(),
  projections: z.array(z.custom<never>(isObject)).optional(),
  applicationName: z.string().min(1).max(63).optional(),
  logger: z.custom<never>(isLogger, 'give a logger of pino').optional(),
  observer: z.custom<never>(isObject).optional(),
};

export const clientOptions = z.strictObject({
  ...connection,
  mode: z.enum(modes).optional(),
  waitMs: milliseconds.optional(),
  waitingWritesMax: count.optional(),
  drainMs: milliseconds.optional(),
  documentBytesMax: count.optional(),
  connectionsMax: count.optional(),
  sessionsMax: count.optional(),
  schemas: z
    .record(
      z.string(),
      z.custom<never>((value) => isObject(value) && '~standard' in value),
    )
    .optional(),
});

export const writerOptions = z.strictObject({
  ...connection,
  sessions: count.optional(),
  batchWritesMax: count.optional(),
  retentionHours: count.optional(),
  ownership: z.enum(['lock', 'lease']).optional(),
  spread: z.enum(['load', 'even']).optional(),
});

/** @throws {SluiceError} `configuration_invalid` that names the option */
export function checkOptions<T>(what: string, schema: z.ZodType<T>, options: unknown): T {
  const checked = schema.safeParse(options);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const name = unknown ?? issue?.path.join('.') ?? '';
  const reason = unknown === undefined ? 'is invalid' : 'is not known';
  const hint = unknown === undefined && issue !== undefined ? `: ${issue.message}` : '';
  throw fault(what, name === '' ? `takes an object of options${hint}` : `option ${name} ${reason}${hint}`);
}

/** @throws {SluiceError} `configuration_invalid` */
export function urlOf(what: string, { connectionString, pool }: Connection): string {
  if ((connectionString === undefined) === (pool === undefined)) {
    throw fault(what, 'give either connectionString or pool');
  }
  if (connectionString !== undefined) return connectionString;
  const { connectionString: own, host, port, user, password, database, ssl } = pool!.options;
  if (own !== undefined) return own;
  if (password !== undefined && password !== null && typeof password !== 'string') {
    throw fault(what, 'the password of option pool is not a string: give connectionString');
  }
  if (ssl !== undefined && ssl !== false) {
    throw fault(what, 'option pool has its own TLS settings: give connectionString with sslmode');
  }
  const url = new URL('postgres://localhost');
  if (host?.startsWith('/') === true) url.searchParams.set('host', host);
  else if (host !== undefined) url.hostname = host;
  if (port !== undefined) url.port = String(port);
  if (user !== undefined) url.username = encodeURIComponent(user);
  if (typeof password === 'string') url.password = encodeURIComponent(password);
  if (database !== undefined) url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}

/**
 * The options in the form that nodes and writers take.
 * @throws {SluiceError} `configuration_invalid`; {ModelError} `invalid_model`
 */
export async function processOptions<T extends ProcessOptions>(what: string, options: T) {
  const { connectionString: _, pool: __, model, listenConnectionString: listenUrl, ...rest } = options;
  return {
    ...rest,
    model: await modelOf(what, model),
    url: urlOf(what, options),
    ...(listenUrl === undefined ? {} : { listenUrl }),
  };
}

/** @throws {ModelError} `invalid_model`; {SluiceError} `configuration_invalid` for a file that cannot be read */
export async function modelOf(what: string, source: ModelSource | undefined): Promise<Model | undefined> {
  if (source === undefined) return undefined;
  if (typeof source === 'string' || Array.isArray(source)) {
    const files = source as string | string[];
    return readModel(files).catch((error: unknown) => {
      const reason = unreadableModel(error, files);
      throw reason === null ? error : fault(what, `option model: ${reason}`);
    });
  }
  return isModel(source) ? source : parseModel(source, 'the option model');
}

function isModel(source: ModelSource): source is Model {
  return 'findEndpoint' in (source as object);
}

/** Whether it has what the processes call: of pino's methods, not only `info`. */
function isLogger(value: unknown): boolean {
  const methods = ['child', 'debug', 'info', 'warn', 'error', 'isLevelEnabled'];
  return isObject(value) && methods.every((name) => typeof value[name] === 'function');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function fault(what: string, reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot ${what}: ${reason}`);
}
