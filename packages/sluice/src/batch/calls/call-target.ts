/**
 * Functions of the database and handlers of the program as targets. One call settles all writes of a batch that are for it, in order of
 * arrival, and gives one result for each.
 */
import type { Outcome, WriteHeader } from '#protocol';
import { isFunction, isTable, nameOf, type HandlerResult, type TargetDefinition } from '#targets';
import { refusal } from '../coordinator/answer.ts';
import { TargetError } from '../coordinator/fault.ts';
import { fingerprintOf, keyOf } from '../coordinator/idempotency.ts';
import { emptySettlement, type Settlement, type Target } from '../coordinator/target.ts';
import { sortOut } from '../coordinator/sort-out.ts';
import { callFault, type Call } from './call.ts';
import { callFunction } from './call-function.ts';
import { callHandler } from './call-handler.ts';

/** In the order of the definitions; definitions of tables are ignored. */
export function callTargets(definitions: readonly TargetDefinition[], schema: string): Target[] {
  return definitions.flatMap((definition) => {
    if (isTable(definition)) return [];
    const name = nameOf(definition);
    return isFunction(definition)
      ? [callTarget(name, `function ${name}`, callFunction(name, schema))]
      : [callTarget(name, `handler ${name}`, callHandler(definition))];
  });
}

function callTarget(name: string, title: string, call: Call): Target {
  return {
    name: title,
    owns: (resource) => resource === name,
    async settle(batch) {
      const settlement = emptySettlement();
      const writes = await sortOut(batch, settlement);
      if (writes.length === 0) return settlement;
      take(settlement, writes, await call(batch, writes), title);
      return { ...settlement, faultAtEnd: (error) => callFault(title, error) };
    },
  };
}

/** @throws {TargetError} if there are more or fewer results than writes, or one is no result */
function take(
  settlement: Settlement,
  writes: readonly WriteHeader[],
  results: readonly HandlerResult[],
  title: string,
): void {
  if (!Array.isArray(results)) throw new TargetError(title, new Error('returned no array of results'));
  if (results.length !== writes.length)
    throw new TargetError(title, new Error(`returned ${results.length} results for ${writes.length} writes`));
  writes.forEach((write, place) => {
    settlement.outcomes.push({ write, outcome: outcomeOf(write, results[place], title) });
    if (keyOf(write) !== null) settlement.keys.push({ write, fingerprint: fingerprintOf(write) });
    settlement.provided.push(write.referentialId);
  });
}

const applied: ReadonlySet<unknown> = new Set(['created', 'updated', 'unchanged', 'deleted']);

/** @param given By other code, so nothing of it is certain. */
function outcomeOf(write: WriteHeader, given: unknown, title: string): Outcome {
  const { result, code, answer } = (given ?? {}) as { result?: unknown; code?: unknown; answer?: unknown };
  const said = answer === undefined || answer === null ? {} : { answer };
  if (result === 'refused')
    return refusal(write, 'target_refused', storable({ ...said, reason: code }, title));
  if (!applied.has(result))
    throw new TargetError(title, new Error(`returned a result that is none: ${String(result).slice(0, 50)}`));
  return {
    writeId: write.writeId,
    result: result as Outcome['result'],
    code: null,
    resource: write.resource,
    documentId: null,
    version: null,
    contentHash: null,
    detail: 'answer' in said ? storable(said, title) : null,
  };
}

/** What `jsonb` does not take, although JSON does: the character 0, and half of a surrogate pair. */
const unstorable = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/** The detail as it is read from the database later: a node that has settled the write gives the same answer. */
function storable(detail: object, title: string): Outcome['detail'] {
  try {
    const text = JSON.stringify(detail);
    if (unstorable.test(text)) throw new Error('contains a character that jsonb does not take');
    return JSON.parse(text) as Outcome['detail'];
  } catch (error) {
    throw new TargetError(title, new Error('returned an answer that cannot be stored', { cause: error }));
  }
}
