/** One write: where it is, why it waits, the chain of what it awaits, or how it ended. */
import { outcomeOf } from '#batch';
import type { Model } from '#model';
import { SluiceError } from '#protocol';
import type { Database } from '#store';
import { awaitedOf, nameAwaited } from './awaited.ts';
import type { ChainLink, ShownWrite } from './contract.ts';
import { findLane } from './list-lanes.ts';
import { findStuck } from './list-stuck.ts';
import { checkIds } from './stuck-filter.ts';

/**
 * @param model Names the documents that are awaited.
 * @throws {SluiceError} `invalid_request` for what is no id; `write_not_found`
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
  return {
    writeId: id,
    stuck,
    chain:
      stuck?.reason === 'blocked' || stuck?.reason === 'locked' ? await readChain(database, id, model) : [],
    lane: await findLane(database, stuck?.lane ?? (settled?.['lane'] as number)),
    outcome:
      settled === undefined
        ? null
        : {
            ...outcomeOf(settled),
            client: settled['client'] as string,
            lane: settled['lane'] as number,
            settledAt: settled['settled_at'] as string,
          },
  };
}

async function readChain(database: Database, writeId: string, model: Model | null): Promise<ChainLink[]> {
  const chain = (await database.run('readChain', [writeId])).map((row): ChainLink => ({
    ...awaitedOf(row),
    depth: row['depth'] as number,
    blockedId: row['blocked_id'] as string,
  }));
  if (model === null) return chain;
  const resources = new Map(
    chain.flatMap(({ provider }) => (provider === null ? [] : [[provider.writeId, provider.resource]])),
  );
  const awaited = new Map<string, ChainLink[]>();
  for (const link of chain) awaited.set(link.blockedId, [...(awaited.get(link.blockedId) ?? []), link]);
  const [root] = await findStuck(database, [writeId]);
  const blocked = [...awaited.keys()].flatMap((id) => {
    const resource = id === writeId ? root?.resource : resources.get(id);
    return resource === undefined ? [] : [{ writeId: id, resource }];
  });
  await nameAwaited(database, blocked, awaited, model);
  return chain;
}
