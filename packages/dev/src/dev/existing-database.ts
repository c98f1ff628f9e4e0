/** A database of the user, to which `sluice dev --table` adds only the schema of Sluice. */
import { migrate, quotedName, quotedPath, readMigrations, Session } from 'sluice/internal/store';
import { readTargets } from 'sluice/internal/targets';
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

/** Adds or upgrades the schema; returns which. */
export async function addSchema(place: Place): Promise<string> {
  const { applied, version } = await migrate(place);
  const { schema } = place;
  const where = redactUrl(place.url);
  if (applied.length === 0) return `The schema ${schema} of ${where} is at version ${version} already`;
  return applied.length === readMigrations().length
    ? `Added the schema ${schema} to ${where}; nothing else there was changed, and no role was made`
    : `Brought the schema ${schema} of ${where} to version ${version}; nothing else there was changed`;
}

/** Shell commands that write a row of each table. */
export async function curlLines({ url, tables }: ExistingDatabase, node: string): Promise<string[]> {
  const session = await Session.open({ url, applicationName: 'sluice dev' });
  try {
    const targets = await readTargets(
      session,
      tables.map((table) => ({ table })),
    );
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
  } finally {
    await session.close();
  }
}
