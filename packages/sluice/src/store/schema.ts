/**
 * The schema of a deployment. SQL is written for the schema `sluice`. For another schema it is rewritten once, when it is
 * loaded: names in the schema, channels, and the first keys of advisory locks, because the whole database shares the last
 * two. Several deployments in one database therefore neither hear nor lock each other. For `sluice` nothing changes.
 */
import { createHash } from 'node:crypto';
import { SluiceError } from '#protocol';
import { lockKeys as defaultLockKeys } from './names.ts';

export const defaultSchema = 'sluice';

/** The longest name that is made of a schema's, a channel, has to fit into PostgreSQL's 63 bytes. */
const schemaBytesMax = 40;

export type LockKeys = { [K in keyof typeof defaultLockKeys]: number };

/** @throws {SluiceError} `configuration_invalid` */
export function assertSchema(schema: string): void {
  const reason = refusalOf(schema);
  if (reason === null) return;
  throw new SluiceError('configuration_invalid', `Cannot use the schema because its name ${reason}`, {
    detail: { option: 'schema' },
  });
}

function refusalOf(schema: string): string | null {
  if (Buffer.byteLength(schema) > schemaBytesMax) return `has more than ${schemaBytesMax} bytes`;
  // No quote, backslash, dollar or percent sign: the name stands in strings, function bodies and formats.
  if (!/^[\p{L}_][\p{L}\p{M}\p{N}_ .-]*(?<! )$/u.test(schema)) {
    return 'is not a letter or an underscore, followed by letters, digits, underscores, hyphens, dots or spaces';
  }
  if (/^pg_|^information_schema$/.test(schema)) return `belongs to PostgreSQL: ${schema}`;
  // `sluice roles` gives everything in the schema to one role.
  if (schema === 'public') return 'is public: everything in the schema belongs to Sluice';
  return null;
}

/** The first keys of the advisory locks of a schema. Those of two schemas are all different, or all the same. */
export function lockKeysOf(schema: string): LockKeys {
  if (schema === defaultSchema) return defaultLockKeys;
  // A multiple of four, because that of the default is: ranges do not overlap.
  const base = (createHash('sha256').update(schema).digest().readUInt32BE() >>> 3) * 4;
  const keys = Object.entries(defaultLockKeys).map(([name, key]) => [
    name,
    base + key - defaultLockKeys.migration,
  ]);
  return Object.fromEntries(keys) as LockKeys;
}

/** The name of a channel on the wire. */
export function channelIn(schema: string, channel: string): string {
  return `${schema}_${channel}`;
}

/**
 * What the sessions of a node are called in pg_stat_activity: a writer whose data store sleeps knows by it that a node has
 * opened the store. It has to fit, with ` listener` behind it, into PostgreSQL's 63 bytes of ASCII.
 */
export function nodeNameIn(schema: string = defaultSchema): string {
  if (schema === defaultSchema) return 'sluice node';
  const isPlain = /^[\w .-]*$/.test(schema);
  return `sluice node ${isPlain ? schema : lockKeysOf(schema).migration.toString(36)}`;
}

/** The name of a prepared statement: connections of several schemas may meet in one pool. */
export function statementNameIn(schema: string, name: string): string {
  return schema === defaultSchema ? name : `${name}_${lockKeysOf(schema).migration.toString(36)}`;
}

/** Settings of a session, which roles.sql reads: `sluice.` there names no schema. */
const inSchema =
  /\bsluice\.(?!role_prefix|exclusive_database|verifier_)|\bschema (?:if not exists )?sluice\b/g;
const schemaAsType = /to_regnamespace\('sluice'\)|'sluice'::regnamespace/g;

/** SQL that is written for the schema `sluice`, for another one. */
export function sqlFor(schema: string, sql: string): string {
  assertSchema(schema);
  if (schema === defaultSchema) return sql;
  const keys = lockKeysOf(schema);
  const named = sql
    .replace(inSchema, (found) => found.replace('sluice', `"${schema}"`))
    .replace(schemaAsType, (found) => found.replace('sluice', `"${schema}"`))
    .replace(/'sluice(?=['_])/g, `'${schema}`);
  return Object.entries(defaultLockKeys).reduce(
    (text, [name, key]) => text.replaceAll(String(key), String(keys[name as keyof LockKeys])),
    named,
  );
}
