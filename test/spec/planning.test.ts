// PostgreSQL plans a statement of nodes and writers once for each session, not at each call: a custom plan often costs more
// than the statement itself.

import { queries } from 'sluice/internal/store';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { resource } from '../support/model.ts';
import { startOwnServer, type OwnServer } from '../support/own-server.ts';
import { openConnection } from '../support/sql.ts';
import { enrolment, fresh, startWorld, update, upsert } from '../support/world.ts';

/** Statements that a write, or a read of a document, brings about again and again. */
const hot = (
  'insertIntake findKeys findIdentity readOutcomes readAhead lockFreeTerms readReady readAliases readKeys ' +
  'lockFreeDocuments readReferences settleWrites insertKeys moveUpdates insertDocuments updateDocuments hintNodes ' +
  'readDocument listDocuments readDocuments countDocuments readWriteStates'
).split(' ');

test('no hot statement of a node or a writer is planned at its execution', { timeout: 90_000 }, async () => {
  const server = await startOwnServer({
    shared_preload_libraries: 'pg_stat_statements',
    'pg_stat_statements.track_planning': 'on',
    // An ANALYZE makes every session plan once more.
    autovacuum: 'off',
  });
  await server.sql('create extension pg_stat_statements');
  const names = await namesByQueryId(server);
  const world = await startWorld(server.url, { nodes: 0, client: { connectionsMax: 1 } });
  await world.startNode();
  await world.startNode({ mode: 'local' });
  await world.startNode({ mode: 'direct', sessionsMax: 1 });

  const work = async (): Promise<void> => {
    for (const node of world.nodes) {
      const keyed = { client: 'a', idempotencyKey: `key-${fresh()}` };
      const noteId = fresh();
      const note = upsert('notes', { noteId }, keyed);
      const { documentId, writeId } = await node.submit(note);
      await node.submit(note);
      await node.submit(update('notes', documentId!, { noteId, text: 'b' }));
      await node.submit(upsert('enrolments', enrolment(fresh(), fresh())));
      await node.readDocument(resource('notes'), documentId!);
      await node.listDocuments(resource('notes'), { limit: 2, offset: 0 });
      await node.countDocuments(resource('notes'));
      await node.readWrite('a', writeId);
    }
  };
  await eventually(
    async () => {
      await server.sql('select pg_stat_statements_reset()');
      await work();
      const rows = await server.sql(
        `select queryid::text as id, plans::int from pg_stat_statements where toplevel and calls > 0`,
      );
      const executed = rows.filter(({ id }) => names.has(id as string));
      const nameOf = ({ id }: (typeof rows)[number]): string => names.get(id as string)!;
      expect(hot.filter((name) => !executed.map(nameOf).includes(name))).toEqual([]);
      expect(executed.filter(({ plans }) => plans !== 0).map(nameOf)).toEqual([]);
    },
    { timeoutMs: 40_000 },
  );
});

/** The server's own numbers of the named statements. */
async function namesByQueryId(server: OwnServer): Promise<Map<string, string>> {
  // Without values, parameters have no types that a plan could not do without: only the simple protocol takes that.
  const client = await openConnection(server.url);
  await client.query('set compute_query_id = on');
  const names = new Map<string, string>();
  for (const { name, text } of queries.values()) {
    const { rows } = await client.query<Record<string, string>>(`explain (generic_plan, verbose) ${text}`);
    names.set(/^Query Identifier: (-?\d+)$/.exec(rows.at(-1)!['QUERY PLAN']!)![1]!, name);
  }
  return names;
}
