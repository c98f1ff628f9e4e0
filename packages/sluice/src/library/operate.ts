/** The functions for operators of a program that embeds Sluice: `migrate()`, `status()`, `doctor()`, `openDatabase()`. */
import {
  applyRoles as applyRolesTo,
  Database,
  explained,
  migrate as migrateDatabase,
  requireSchemaVersion,
  roleKinds,
  type MigrateOptions as Migration,
  type MigrateResult,
  type RolesOptions as Granting,
} from '#store';
import {
  readStatus,
  runDoctor,
  type Diagnosis,
  type DoctorOptions as Examination,
  type Status,
  type StatusOptions as StatusQuestion,
} from '#operator';
import * as z from 'zod';
import {
  checkOptions,
  milliseconds,
  modelOf,
  modelSource,
  place,
  urlOf,
  type Connection,
  type ModelSource,
} from './options.ts';

interface DatabasePlace extends Connection {
  /** Schema of the deployment. @default 'sluice' */
  schema?: string;
}

interface PlaceByUrl extends DatabasePlace {
  /** The same as `connectionString`. */
  url?: string;
}

export interface MigrateOptions extends PlaceByUrl, Omit<Migration, 'url' | 'schema'> {}

const patient = {
  ...place,
  url: z.string().min(1).optional(),
  waitMs: milliseconds.optional(),
  onWait: z.custom<Migration['onWait']>((value) => typeof value === 'function').optional(),
};
const migrateOptions = z.strictObject({ ...patient, dryRun: z.boolean().optional() });

/** The options without the database, and its URL. */
function patientOptions<T extends PlaceByUrl>(what: string, options: T) {
  const { connectionString, pool, url = connectionString, ...rest } = options;
  const given = {
    ...(url === undefined ? {} : { connectionString: url }),
    ...(pool === undefined ? {} : { pool }),
  };
  return { ...rest, url: urlOf(what, given) };
}

/**
 * Creates the schema of this version, or upgrades an older one. May be repeated, by many processes at the same time.
 * @throws {SluiceError} `configuration_invalid` that names the option; `deployment_disagrees` if a later version
 *   migrated the database; `database_unavailable` if another session held a lock for `waitMs`
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  checkOptions('migrate', migrateOptions, options);
  return explained(migrateDatabase(patientOptions('migrate', options)));
}

export interface ApplyRolesOptions extends PlaceByUrl, Omit<Granting, 'url' | 'schema'> {}

const rolesOptions = z.strictObject({
  ...patient,
  prefix: z.string().min(1).optional(),
  passwords: z
    .strictObject(Object.fromEntries(roleKinds.map((kind) => [kind, z.string().optional()])))
    .optional(),
  exclusiveDatabase: z.boolean().optional(),
});

/**
 * Creates the database roles, and grants their rights: the same as `sluice roles`. It needs a superuser, or a role that
 * may create roles.
 * @throws {SluiceError} `configuration_invalid` that names the option; `database_unavailable`
 */
export async function applyRoles(options: ApplyRolesOptions): Promise<void> {
  checkOptions('apply the roles', rolesOptions, options);
  return explained(applyRolesTo(patientOptions('apply the roles', options)));
}

export interface StatusOptions extends DatabasePlace, StatusQuestion {}

const statusOptions = z.strictObject({ ...place, olderThanSeconds: z.number().min(0).optional() });

/**
 * The content of the database, waiting writes, the leader of each lane, and problems: the same as `sluice status`. It
 * asks the database alone, so it works while every node and writer is down. Its role needs the rights of an operator
 * (`sluice_ops`).
 * @throws {SluiceError} `configuration_invalid` that names the option, `database_unavailable`, `schema_outdated`
 */
export async function status(options: StatusOptions): Promise<Status> {
  const { olderThanSeconds } = checkOptions('read the status', statusOptions, options);
  const question = olderThanSeconds === undefined ? {} : { olderThanSeconds };
  return withDatabase('read the status', options, async (database) => {
    await requireSchemaVersion(database);
    return readStatus(database, question);
  });
}

export interface DoctorOptions extends DatabasePlace, Omit<Examination, 'modelHash' | 'listenUrl'> {
  /** The model of the processes, which is compared with the model of the database. @default not compared */
  model?: ModelSource;
  /** A direct connection for LISTEN, if the other leads through a pooler. @default the other */
  listenConnectionString?: string;
}

const doctorOptions = z.strictObject({
  ...place,
  model: modelSource.optional(),
  listenConnectionString: z.string().min(1).optional(),
  lanes: z.number().int().min(1).max(1024).optional(),
  writerRole: z.string().min(1).optional(),
  transactionSeconds: z.number().min(0).optional(),
  notificationMs: z.number().int().min(0).optional(),
  deep: z.custom<Examination['deep']>((value) => typeof value === 'object').optional(),
});

/**
 * Looks for problems: the server and its settings, the schema, the connection, obstacles to VACUUM, leaders and
 * lanes. The same as `sluice doctor`. It changes nothing.
 * @throws {SluiceError} `configuration_invalid` that names the option, `database_unavailable`; `ModelError` for a
 *   wrong model
 */
export async function doctor(options: DoctorOptions): Promise<Diagnosis> {
  checkOptions('examine the deployment', doctorOptions, options);
  const {
    connectionString: _,
    pool: __,
    schema: ___,
    model,
    listenConnectionString,
    ...examination
  } = options;
  const modelHash = (await modelOf('examine the deployment', model))?.hash;
  return withDatabase('examine the deployment', options, (database) =>
    runDoctor(database, {
      ...examination,
      ...(modelHash === undefined ? {} : { modelHash }),
      ...(listenConnectionString === undefined ? {} : { listenUrl: listenConnectionString }),
    }),
  );
}

export interface OpenDatabaseOptions extends DatabasePlace {}

const openOptions = z.strictObject(place);

/**
 * The database for the functions of `sluice/operator`: `listStuck(database)`. It connects when a function needs it, with
 * one connection. End it with `await database.close()`, or by `await using`.
 * @throws {SluiceError} `configuration_invalid` that names the option
 */
export function openDatabase(options: OpenDatabaseOptions): Database {
  checkOptions('open the database', openOptions, options);
  return open('open the database', options);
}

function open(what: string, options: DatabasePlace): Database {
  const { schema } = options;
  return new Database({
    url: urlOf(what, options),
    ...(schema === undefined ? {} : { schema }),
    applicationName: 'sluice operator',
    connectionsMax: 1,
    looksForPooler: true,
  });
}

async function withDatabase<T>(
  what: string,
  options: DatabasePlace,
  ask: (database: Database) => Promise<T>,
): Promise<T> {
  const database = open(what, options);
  try {
    return await explained(ask(database));
  } finally {
    await database.close();
  }
}
