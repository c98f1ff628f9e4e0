/** The data stores in which nodes have sessions, from `readNodeSessions` on a server. */
import { listenerNameOf, nodeNameIn } from 'sluice/internal/store';
import type { Store } from './stores-file.ts';

export function openInNodes<S extends Pick<Store, 'database' | 'schema'>>(
  rows: readonly Record<string, unknown>[],
  stores: readonly S[],
): S[] {
  const sessions = new Set(rows.map((row) => keyOf(row['datname'], row['application_name'])));
  return stores.filter(({ database, schema }) => {
    const name = nodeNameIn(schema);
    return sessions.has(keyOf(database, name)) || sessions.has(keyOf(database, listenerNameOf(name)));
  });
}

function keyOf(database: unknown, application: unknown): string {
  return JSON.stringify([database, application]);
}
