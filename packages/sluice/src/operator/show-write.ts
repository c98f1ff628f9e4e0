/** Shows one write: its place, why it waits, the chain of awaited things, or its outcome. */
import { outcomeOf } from '#batch';
import type { Model } from '#model';
import { SluiceError, type Outcome, type ParsedOutcome } from '#protocol';
import type { Database } from '#store';
import { isEndpoint } from '#targets';
import { awaitedOf, nameAwaited } from './awaited.ts';
import type { ChainLink, ShownRow, ShownWrite, StuckWrite } from './contract.ts';
import { findLane } from './list-lanes.ts';
import { findStuck } from './list-stuck.ts';
import { nameAwaitedRows, readRow } from './name-rows.ts';
import { checkIds } from './stuck-filter.ts';

/**
 * @param model Names the awaited documents.
 * @throws {SluiceError} `invalid_request` for a malformed id; `write_not_found`
 */
export async function showWrite(
  database: Database,
  writeId: string,
  model: Model | null = null,
): Promise<ShownWrite> {
  const [id = ''] = checkIds([writeId]);
  const [stuck = null] = await findStuck(database, [id], model);
  const [settled] = await database.run('readSettlement', [id]);
  if (stuck === null && settled === undefined) {
    throw new SluiceError(
      'write_not_found',
      `Cannot show the write: no write has this id, or its outcome was deleted after its retention: ${id}`,
    );
  }
  if (stuck !== null) await nameAwaitedRows(database, [stuck], new Map([[id, stuck.awaits]]), true);
  const isBlocked = stuck?.reason === 'blocked' || stuck?.reason === 'locked';
  const outcome = settled === undefined ? null : outcomeOf(settled);
  return {
    writeId: id,
    row: stuck === null ? rowOf(outcome) : await readRow(database, stuck),
    stuck,
    chain: isBlocked ? await readChain(database, stuck, model) : [],
    lane: await findLane(database, stuck?.lane ?? (settled?.['lane'] as number)),
    outcome:
      settled === undefined || outcome === null
        ? null
        : {
            ...withoutContents(outcome),
            client: settled['client'] as string,
            lane: settled['lane'] as number,
            settledAt: settled['settled_at'] as string,
          },
  };
}

function withoutContents({ detail, ...outcome }: Outcome): ParsedOutcome {
  if (detail === null) return { ...outcome, detail };
  const { rowTexts: _rows, answerText: _answer, raised: _raised, ...names } = detail;
  return { ...outcome, detail: Object.keys(names).length === 0 ? null : names };
}

/** Of a settled write, only a key that the database gave is known. */
function rowOf(outcome: Outcome | null): ShownRow | null {
  if (outcome === null || isEndpoint(outcome.resource)) return null;
  return { key: outcome.detail?.key ?? null, rows: null };
}

async function readChain(database: Database, root: StuckWrite, model: Model | null): Promise<ChainLink[]> {
  const chain = (await database.run('readChain', [root.writeId])).map((row): ChainLink => ({
    ...awaitedOf(row),
    depth: row['depth'] as number,
    blockedId: row['blocked_id'] as string,
  }));
  const resources = new Map(
    chain.flatMap(({ provider }) => (provider === null ? [] : [[provider.writeId, provider.resource]])),
  );
  resources.set(root.writeId, root.resource);
  const awaited = new Map<string, ChainLink[]>();
  for (const link of chain) awaited.set(link.blockedId, [...(awaited.get(link.blockedId) ?? []), link]);
  const blocked = [...awaited.keys()].flatMap((id) => {
    const resource = resources.get(id);
    return resource === undefined ? [] : [{ writeId: id, resource }];
  });
  await nameAwaitedRows(database, blocked, awaited, true);
  if (model !== null) await nameAwaited(database, blocked, awaited, model);
  return chain;
}
