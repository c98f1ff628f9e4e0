/** A database of the user, to which `sluice dev --table` adds only the schema of Sluice. */
import { migrate, quotedName, quotedPath, Session, uninstall } from 'sluice/internal/store';
import { readTargets, type Targets } from 'sluice/internal/targets';
import { redactUrl } from '@sluice/server/cli';
import { sampleRow } from './sample-row.ts';

export interface ExistingDatabase {
  url: string;
  tables: readonly string[];
  /** The command that removes the schema again. */
  removal: string;
}

interface Place {
  url: string;
  schema: string;
}

/**
 * Adds or upgrades the schema; returns which. A schema that it has made is removed again if a table cannot be a target.
 * @throws {SluiceError} `configuration_invalid` if one cannot
 */
export async function addSchema(existing: ExistingDatabase & Place): Promise<string> {
  const { url, schema } = existing;
  const place = { url, schema };
  // The schema may hold functions or grants of the user before the first migration.
  const isNew = !(await hasSchema(place));
  const { applied, version } = await migrate(place);
  try {
    await withTargets(existing, () => Promise.resolve());
  } catch (error) {
    // The reason counts, even if the schema cannot be removed.
    if (isNew) await uninstall(place).catch(() => undefined);
    throw error;
  }
  const where = redactUrl(url);
  if (applied.length === 0) return `The schema ${schema} of ${where} is at version ${version} already`;
  return isNew
    ? `Added the schema ${schema} to ${where}; nothing else there was changed, and no role was made`
    : `Brought the schema ${schema} of ${where} to version ${version}; nothing else there was changed`;
}

async function hasSchema({ url, schema }: Place): Promise<boolean> {
  const session = await Session.open({ url, schema, applicationName: 'sluice dev', staysAtUrl: true });
  try {
    const rows = await session.query('select nspname from pg_catalog.pg_namespace where nspname = $1', [
      schema,
    ]);
    return rows.length > 0;
  } finally {
    await session.close();
  }
}

/** @throws {SluiceError} `configuration_invalid` if a table cannot be a target */
async function withTargets<T>(
  { url, tables, schema }: ExistingDatabase & Place,
  work: (targets: Targets, session: Session) => Promise<T>,
): Promise<T> {
  const session = await Session.open({ url, schema, applicationName: 'sluice dev' });
  try {
    const targets = await readTargets(
      session,
      tables.map((table) => ({ table })),
    );
    return await work(targets, session);
  } finally {
    await session.close();
  }
}

/** Shell commands that write a row of each table. */
export function curlLines(existing: ExistingDatabase & Place, node: string): Promise<string[]> {
  return withTargets(existing, async (targets, session) => {
    const lines: string[] = [];
    for (const table of targets.tables) {
      const row = await sampleRow(table, async (parent, column) => {
        const found = targets.find(parent);
        const name =
          found?.kind === 'table' ? quotedName(found.table.schema, found.table.table) : quotedPath(parent);
        const [first] = await session.query(
          `select to_jsonb(p) as row from (select ${quotedName(column)} from ${name} limit 1) p`,
        );
        return (first?.['row'] as Record<string, unknown> | undefined)?.[column];
      });
      const path = table.schema === 'public' ? table.table : table.name;
      const json = JSON.stringify(row).replaceAll("'", String.raw`'\''`);
      lines.push(
        `curl -i ${node}/rest/${encodeURIComponent(path)} -H 'content-type: application/json' -d '${json}'`,
      );
    }
    return lines;
  });
}
