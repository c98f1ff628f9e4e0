/**
 * The schema of a deployment. SQL is written for the schema `sluice`, and rewritten for another schema once, when it
 * is loaded. That changes names in the schema, channels, and the first keys of advisory locks, because the whole
 * database shares the last two. So several deployments in one database neither hear nor lock each other.
 */
import { createHash } from 'node:crypto';
import { SluiceError } from '#protocol';
import { lockKeys as defaultLockKeys } from './names.ts';

export const defaultSchema = 'sluice';

/** Longest name of a schema, so that channel names fit into PostgreSQL's 63 bytes. */
const schemaBytesMax = 40;

type LockKeys = { [K in keyof typeof defaultLockKeys]: number };

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
  // No quote, backslash, dollar or percent sign: the name is part of strings, function bodies and formats.
  if (!/^[\p{L}_][\p{L}\p{M}\p{N}_ .-]*(?<! )$/u.test(schema)) {
    return 'is not a letter or an underscore, followed by letters, digits, underscores, hyphens, dots or spaces';
  }
  if (/^pg_|^information_schema$/.test(schema)) return `belongs to PostgreSQL: ${schema}`;
  // `sluice roles` gives one role everything in the schema.
  if (schema === 'public') return 'is public: everything in the schema belongs to Sluice';
  return null;
}

/** The first keys of the advisory locks of a schema. Those of two schemas are all different, or all the same. */
export function lockKeysOf(schema: string): LockKeys {
  if (schema === defaultSchema) return defaultLockKeys;
  // A multiple of four, like that of the default, so that ranges do not overlap.
  const base = (createHash('sha256').update(schema).digest().readUInt32BE() >>> 3) * 4;
  const keys = Object.entries(defaultLockKeys).map(([name, key]) => [
    name,
    base + key - defaultLockKeys.migration,
  ]);
  return Object.fromEntries(keys) as LockKeys;
}

/** The name of a channel in the database. */
export function channelIn(schema: string, channel: string): string {
  return `${schema}_${channel}`;
}

/**
 * The name of a node's sessions in pg_stat_activity. A writer of a sleeping data store finds by it that a node has
 * opened the store. With ` listener` appended, it fits into PostgreSQL's 63 bytes of ASCII.
 */
export function nodeNameIn(schema: string = defaultSchema): string {
  return processNameIn('node', schema);
}

/** The same for a writer. */
export function writerNameIn(schema: string = defaultSchema): string {
  return processNameIn('writer', schema);
}

/** The name of a listener's session. */
export const listenerNameOf = (name: string): string => `${name} listener`;

/** The names of all sessions of nodes and writers. */
export function sessionNamesIn(schema: string): string[] {
  return [nodeNameIn(schema), writerNameIn(schema)].flatMap((name) => [name, listenerNameOf(name)]);
}

function processNameIn(kind: 'node' | 'writer', schema: string): string {
  if (schema === defaultSchema) return `sluice ${kind}`;
  const isPlain = /^[\w .-]*$/.test(schema);
  return `sluice ${kind} ${isPlain ? schema : lockKeysOf(schema).migration.toString(36)}`;
}

/** The name of a prepared statement; it has the schema, because connections of several schemas may share a pool. */
export function statementNameIn(schema: string, name: string): string {
  return schema === defaultSchema ? name : `${name}_${lockKeysOf(schema).migration.toString(36)}`;
}

/** Settings of a session that roles.sql reads: `sluice.` is no schema there. */
const inSchema =
  /\bsluice\.(?!role_prefix|exclusive_database|verifier_|migrates)|\bschema (?:if not exists )?sluice\b/g;
const schemaAsType = /to_regnamespace\('sluice'\)|'sluice'::regnamespace/g;

/** Rewrites SQL for the schema `sluice` to another one. */
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
