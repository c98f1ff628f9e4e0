/** The coordinator's own statements: outcomes, keys, changes of the intake, and hints. */
import { identityKeysOf, packIds, type Outcome, type WriteHeader } from '#protocol';
import type { Statement } from '#store';
import type { BlockedWrite, SettledWrite, Settlement } from './target.ts';

/** The outcomes as parameters of `settleWrites` and `insertOutcomes`. */
export function outcomeValues(
  outcomes: readonly SettledWrite[],
  { batchId, terms }: { batchId: string; terms: ReadonlyMap<number, number> },
): unknown[] {
  const of = <V>(value: (outcome: Outcome, write: WriteHeader) => V): V[] =>
    outcomes.map(({ outcome, write }) => value(outcome, write));
  return [
    batchId,
    of((outcome) => outcome.writeId),
    of((_, write) => terms.get(write.lane) ?? null),
    of((_, write) => write.lane),
    of((outcome) => outcome.result),
    of((outcome) => outcome.code),
    of((outcome) => outcome.resource),
    of((_, write) => write.client),
    of((outcome) => outcome.documentId),
    of((outcome) => outcome.version),
    of((outcome) => outcome.contentHash),
    of((outcome) => (outcome.detail === null ? null : JSON.stringify(outcome.detail))),
  ];
}

/** Binds the idempotency keys of settled writes. */
export function keyStatements(keys: Settlement['keys']): Statement[] {
  if (keys.length === 0) return [];
  const values = [
    keys.map(({ write }) => write.client),
    keys.map(({ write }) => write.idempotencyKey),
    keys.map(({ fingerprint }) => fingerprint),
    keys.map(({ write }) => write.writeId),
  ];
  return [{ name: 'insertKeys', values }];
}

const idsOf = (writes: readonly WriteHeader[]): string[] => writes.map(({ writeId }) => writeId);

/** No statement if there are no ids. */
function statement(name: string, ids: readonly string[], ...more: readonly unknown[]): Statement[] {
  return ids.length > 0 ? [{ name, values: [ids, ...more] }] : [];
}

/** Removes writes from the intake that were settled elsewhere, in a transaction that does not read them later. */
export function dropStatements(writes: readonly WriteHeader[]): Statement[] {
  return [...statement('removeIntake', idsOf(writes)), ...noLongerAwaited(writes)];
}

/**
 * The other changes of a batch in the intake.
 * @param isForeign Fails with stale facts if one of the blocked writes has become ready meanwhile.
 */
export function leaveStatements(
  outcomes: readonly SettledWrite[],
  blocked: readonly BlockedWrite[],
  isForeign: boolean,
): Statement[] {
  const blockedWrites = blocked.map(({ write }) => write);
  const awaited = blocked.flatMap(({ write, awaits }) => awaits.map((id) => ({ id, write })));
  return [
    ...noLongerAwaited([...outcomes.map(({ write }) => write), ...blockedWrites]),
    ...statement('blockWrites', idsOf(blockedWrites), isForeign),
    ...statement(
      'addAwaited',
      idsOf(awaited.map(({ write }) => write)),
      awaited.map(({ id }) => id),
      awaited.map(({ write }) => write.lane),
    ),
  ];
}

function noLongerAwaited(writes: readonly WriteHeader[]): Statement[] {
  return statement('removeAwaited', idsOf(writes.filter((write) => write.wasBlocked)));
}

/** A hint to the writers, if a write awaits one of these ids; for callers that keep no list of blocked writes. */
export function awaitedHints(ids: readonly string[]): Statement[] {
  return ids.length === 0 ? [] : [{ name: 'hintAwaited', values: [ids, packIds(ids)], isOptional: true }];
}

/** A hint to the writers, if a write awaits one of these writes, or an identity that one would have provided. */
export function hintAwaitedOf(writes: readonly WriteHeader[]): Statement {
  const ids = writes.flatMap((write) => [write.writeId, ...identityKeysOf(write)]);
  return { name: 'hintAwaited', values: [ids, packIds(ids)], isOptional: true };
}

/** Hints to the nodes of settled writes; each names only the writes of its node. Next: `#hear` of client/completion.ts. */
export function hintStatements(outcomes: readonly SettledWrite[]): Statement[] {
  const byNode = new Map<number, string[]>();
  for (const { write } of outcomes) {
    const known = byNode.get(write.node);
    if (known === undefined) byNode.set(write.node, [write.writeId]);
    else known.push(write.writeId);
  }
  const nodes: number[] = [];
  const payloads: string[] = [];
  for (const [node, writeIds] of byNode) {
    for (const payload of packIds(writeIds)) {
      nodes.push(node);
      payloads.push(payload);
    }
  }
  return nodes.length === 0 ? [] : [{ name: 'hintNodes', values: [nodes, payloads], isOptional: true }];
}
