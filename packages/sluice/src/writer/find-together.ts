/**
 * Finds blocked writes that await only each other: the largest set in which everything that a member awaits exists,
 * or would be provided by another member. None of them can wake alone; together they can be settled.
 */
import type { Session } from '#store';

interface Together {
  writeIds: string[];
  lanes: number[];
  /** Members that other members have to follow: an order in which all can be applied may not exist. */
  inFront: string[];
}

interface Edge {
  /** Null: no write in the intake provides it. */
  provider: string | null;
  /** The write itself is awaited, because it came before another in the order of one document. */
  isBehind: boolean;
}

/** Most writes in one search. A larger set is found from other writes, or not at all. */
const writesMax = 20_000;

/** Searches from these writes, one of which has closed the cycle, if there is one. */
export async function findTogether(session: Session, closing: readonly string[]): Promise<Together> {
  // A write that no other awaits closes no cycle.
  const rows = await session.run('findAwaitedWrites', [closing]);
  let frontier = rows.map((row) => row['write_id'] as string);
  const edges = new Map<string, Edge[]>();
  const lanes = new Map<string, number>();
  while (frontier.length > 0 && edges.size < writesMax) {
    for (const id of frontier) edges.set(id, []);
    const next = new Set<string>();
    const hopeless = new Set<string>();
    const found = await session.run('readEdges', [frontier]);
    for (const row of found) {
      const id = row['write_id'] as string;
      lanes.set(id, row['lane'] as number);
      if (row['is_met'] === true) continue;
      // A ready provider is settled soon, and wakes the writes that await it. A provider that awaits itself waits for a
      // lock.
      const isWaiting = row['is_blocked'] === true && row['awaited_id'] !== id;
      const provider = isWaiting ? (row['provider_id'] as string) : null;
      edges.get(id)?.push({ provider, isBehind: provider === row['awaited_id'] });
      if (provider === null) hopeless.add(id);
    }
    for (const row of found) {
      const provider = row['provider_id'] as string | null;
      // A write that awaits a thing without a provider is out, so its other providers do not matter.
      if (provider !== null && !hopeless.has(row['write_id'] as string) && !edges.has(provider))
        next.add(provider);
    }
    frontier = [...next];
  }
  const writeIds = greatestSet(edges).filter((id) => lanes.has(id));
  const inFront = writeIds.flatMap((id) =>
    (edges.get(id) ?? []).flatMap(({ provider, isBehind }) =>
      isBehind && provider !== null ? [provider] : [],
    ),
  );
  return {
    writeIds,
    inFront,
    lanes: [...new Set(writeIds.map((id) => lanes.get(id) ?? 0))].sort((a, b) => a - b),
  };
}

/** Removes writes that await a thing which no member provides, until none is left. */
function greatestSet(edges: ReadonlyMap<string, readonly Edge[]>): string[] {
  const members = new Set(edges.keys());
  for (let before = -1; before !== members.size;) {
    before = members.size;
    for (const [id, awaits] of edges) {
      if (awaits.some(({ provider }) => provider === null || !members.has(provider))) members.delete(id);
    }
  }
  return [...members];
}
