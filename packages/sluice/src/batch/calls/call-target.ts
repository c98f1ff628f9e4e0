/**
 * Functions of the database and handlers of the program as targets. One call settles all writes of a batch that are for it, in order of
 * arrival, and gives one result for each.
 */
import type { Outcome, WriteHeader } from '#protocol';
import { isFunction, isTable, nameOf, type TargetDefinition } from '#targets';
import { refusal } from '../coordinator/answer.ts';
import { TargetError } from '../coordinator/fault.ts';
import { fingerprintOf, keyOf } from '../coordinator/idempotency.ts';
import { emptySettlement, type Settlement, type Target } from '../coordinator/target.ts';
import { sortOut } from '../coordinator/sort-out.ts';
import { callFault, type Call, type CallResult } from './call.ts';
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
  results: readonly CallResult[],
  title: string,
): void {
  if (results.length !== writes.length)
    throw new TargetError(title, new Error(`returned ${results.length} results for ${writes.length} writes`));
  writes.forEach((write, place) => {
    settlement.outcomes.push({ write, outcome: outcomeOf(write, results[place]!, title) });
    if (keyOf(write) !== null) settlement.keys.push({ write, fingerprint: fingerprintOf(write) });
    settlement.provided.push(write.referentialId);
  });
}

const applied: ReadonlySet<unknown> = new Set(['created', 'updated', 'unchanged', 'deleted']);

function isAppliedResult(result: unknown): result is Outcome['result'] {
  return applied.has(result);
}

function outcomeOf(write: WriteHeader, { result, code, answerText }: CallResult, title: string): Outcome {
  const said = answerText === null ? {} : { answerText };
  if (result === 'refused')
    return refusal(write, 'target_refused', { ...said, ...storable({ reason: code }, title) });
  if (!isAppliedResult(result))
    throw new TargetError(title, new Error(`returned a result that is none: ${String(result).slice(0, 50)}`));
  return {
    writeId: write.writeId,
    result,
    code: null,
    resource: write.resource,
    documentId: null,
    version: null,
    contentHash: null,
    detail: answerText === null ? null : said,
  };
}

/** What `jsonb` does not take, although JSON does: the character 0, and half of a surrogate pair. */
const unstorable = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/;

/** The reason as it is read from the database later. */
function storable(said: { reason: unknown }, title: string): Outcome['detail'] {
  try {
    const text = JSON.stringify(said);
    if (unstorable.test(text)) throw new Error('contains a character that jsonb does not take');
    return JSON.parse(text) as Outcome['detail'];
  } catch (error) {
    throw new TargetError(title, new Error('returned a code that cannot be stored', { cause: error }));
  }
}
