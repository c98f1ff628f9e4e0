// Refusals whose reason cannot have held at any moment between the question and the answer. Where a reason may have held,
// it is believed.

import type { Life } from './lives.ts';
import type { Refusal, Requests } from './requests.ts';
import type { Verdict } from './verdict.ts';

/** Not applied for a reason that lies in the deployment, not in the write. */
export const ofTheMoment = new Set([
  'cancelled',
  'overloaded',
  'write_conflict',
  'database_unavailable',
  'stopping',
  'rate_limited',
  'lane_without_leader',
  'node_unreachable',
]);

export function findRefusals(
  requests: Requests,
  byDocument: ReadonlyMap<string, Life>,
  byIdentity: ReadonlyMap<string, readonly Life[]>,
  verdict: Verdict,
): void {
  const { bodies, deletes, hashesOfKey, referredAt } = requests;

  /** An answer to a key may be that of an earlier try. */
  const askedAt = ({ invoke }: Refusal): number =>
    invoke.key === null ? invoke.t : (bodies.get(invoke.hash)?.invokedAt ?? invoke.t);

  /** Certainly there from before the question until after the answer. */
  const wasThere = (life: Life | undefined, refusal: Refusal): boolean => {
    const { invoke, fail } = refusal;
    const created = life?.effects[0];
    if (life === undefined || created === undefined) return false;
    if (created.request.ackedAt >= askedAt(refusal)) return false;
    const deletion = deletes.get(life.documentId);
    const isOwn = invoke.op === 'delete' && deletion?.tries === 1;
    return deletion === undefined || isOwn || deletion.invokedAt > fail.t;
  };

  const isFalse: Readonly<Record<string, (refusal: Refusal) => boolean>> = {
    unresolved_reference: (refusal) =>
      refusal.fail.missing.length === 0 ||
      refusal.fail.missing.some(
        (id) =>
          !refusal.invoke.refs.includes(id) ||
          (byIdentity.get(id) ?? []).some((life) => wasThere(life, refusal)),
      ),
    document_not_found: (refusal) => wasThere(byDocument.get(refusal.invoke.documentId ?? ''), refusal),
    document_referenced: ({ invoke, fail }) =>
      (referredAt.get(invoke.doc) ?? Number.POSITIVE_INFINITY) > fail.t,
    precondition_failed: (refusal) => {
      const { invoke, fail } = refusal;
      const life = byDocument.get(invoke.documentId ?? '');
      if (!wasThere(life, refusal) || life === undefined) return false;
      const at = life.effects.findIndex(({ hash }) => hash === invoke.ifMatch);
      const expected = life.effects[at];
      if (expected === undefined || expected.request.ackedAt >= askedAt(refusal)) return false;
      const next = life.effects[at + 1];
      return next === undefined || next.request.invokedAt > fail.t;
    },
    idempotency_key_reused: ({ invoke }) => (hashesOfKey.get(invoke.key ?? '')?.size ?? 0) < 2,
  };

  for (const refusal of requests.refusals) {
    const { code } = refusal.fail;
    if (ofTheMoment.has(code)) continue;
    // All that these writes may be refused for has a rule above: anything else came from a neighbour or a defect.
    if (isFalse[code]?.(refusal) ?? true)
      verdict.found('falselyRefused', `${code} of operation ${refusal.invoke.i} did not hold`);
  }
}
