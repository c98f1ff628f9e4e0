// The order in which a batch's writes could have been applied one at a time: arrival for each document, a reference
// before its referrer, and cycles of references as one.

import type { Outcome } from 'sluice/internal/protocol';
import { keyOfSubmission, namesOf, type Submission } from './plan-case.ts';

export interface Settled {
  write: Submission;
  outcome: Outcome;
}

/** What was committed when the batch began. */
export interface Before {
  aliases: ReadonlyMap<string, string>;
  /** Documents by the names that they refer to. */
  referrers: ReadonlyMap<string, readonly string[]>;
  /** Idempotency keys that are bound. */
  keys: ReadonlySet<string>;
}

/** What a write shares with those that it keeps its order with. */
export function sharesOf(write: Submission, aliases: ReadonlyMap<string, string>): string[] {
  const names = namesOf(write.identity);
  const owners = names.flatMap((name) => aliases.get(name) ?? []);
  return [...names, ...owners, write.documentId, keyOfSubmission(write) ?? write.writeId];
}

export function overlap(some: readonly string[] = [], others: readonly string[] = []): boolean {
  return some.some((each) => others.includes(each));
}

/** Groups in order; a group of several is a cycle. */
export function orderOf(settled: readonly Settled[], before: Before): Submission[][] {
  const edges = edgesOf(settled, before);
  const reaches = settled.map((_, index) => reachableFrom(index, edges));
  const groups: number[][] = [];
  const placed = new Set<number>();
  while (placed.size < settled.length) {
    const next = settled.findIndex((_, index) => {
      if (placed.has(index)) return false;
      const needed = [...(reaches[index] ?? [])];
      return needed.every((other) => other === index || placed.has(other) || reaches[other]?.has(index));
    });
    const cycle = settled.flatMap((_, index) =>
      index === next || (reaches[next]?.has(index) && reaches[index]?.has(next)) ? [index] : [],
    );
    for (const index of cycle) placed.add(index);
    groups.push(cycle);
  }
  return groups.map((group) => group.flatMap((index) => settled[index]?.write ?? []));
}

/** For each write those that have to come first. */
function edgesOf(settled: readonly Settled[], before: Before): number[][] {
  const shares = settled.map(({ write, outcome }) => {
    const all = sharesOf(write, before.aliases);
    return outcome.documentId === null ? all : [...all, outcome.documentId];
  });
  const isReplay = settled.map(({ write }, index) => {
    const key = keyOfSubmission(write);
    const earlier = settled.slice(0, index).some((other) => keyOfSubmission(other.write) === key);
    return key !== null && (before.keys.has(key) || earlier);
  });
  const hasEffect = (index: number, ...results: Outcome['result'][]): boolean => {
    const result = settled[index]?.outcome.result;
    return result !== undefined && !isReplay[index] && results.includes(result);
  };
  // Of several writes to one document, the first brings it into being.
  const creatorOf = (name: string): number =>
    settled.findIndex(
      ({ write }, index) => hasEffect(index, 'created', 'updated') && namesOf(write.identity).includes(name),
    );
  const needed = settled.map(({ write }) =>
    (write.content?.references ?? [])
      .filter((name) => !before.aliases.has(name) && !namesOf(write.identity).includes(name))
      .map(creatorOf),
  );
  return settled.map(({ write }, index) =>
    settled.flatMap(({ outcome }, earlier) => {
      if (earlier === index) return [];
      const isBehind = earlier < index && overlap(shares[index], shares[earlier]);
      const refersTo = hasEffect(index, 'created', 'updated') && needed[index]?.includes(earlier);
      const makesWay =
        hasEffect(index, 'deleted') &&
        hasEffect(earlier, 'updated', 'deleted') &&
        namesOf(write.identity).some((name) =>
          before.referrers.get(name)?.includes(outcome.documentId ?? ''),
        );
      return isBehind || refersTo || makesWay ? [earlier] : [];
    }),
  );
}

/** All that can be reached by at least one edge: itself too, if it stands in a cycle. */
export function reachableFrom(start: number, edges: readonly (readonly number[])[]): Set<number> {
  const reached = new Set<number>();
  const open = [...(edges[start] ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    open.push(...(edges[next] ?? []));
  }
  return reached;
}
