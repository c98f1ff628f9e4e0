/** Checks the arguments of an action, because a misspelled condition would match more writes than meant. */
import { SluiceError } from '#protocol';
import type { ActionOptions, RetryOptions, Target } from './action-contract.ts';
import { checkFilter } from './stuck-filter.ts';

/** @throws {SluiceError} `invalid_request` that names what is wrong */
export function checkAction(
  target: Target,
  options: ActionOptions | RetryOptions,
  flags: readonly string[],
): void {
  const isOne = isObject(target) && 'writeIds' in target !== 'matching' in target;
  if (!isOne) throw refusal('Cannot choose the writes: give either writeIds or matching');
  if ('writeIds' in target && !Array.isArray(target.writeIds))
    throw refusal('Cannot choose the writes: writeIds is not a list of ids');
  if ('matching' in target) {
    if (!isObject(target.matching)) throw refusal('Cannot choose the writes: matching is not an object');
    checkFilter(target.matching);
  }
  const { actor, ...given } = isObject(options) ? options : ({} as ActionOptions);
  checkActor(actor);
  for (const [name, value] of Object.entries(given)) {
    if (!flags.includes(name)) throw refusal(`Cannot act: option ${name} is not known`);
    if (value !== undefined && typeof value !== 'boolean')
      throw refusal(`Cannot act: option ${name} is not true or false`);
  }
}

/** @throws {SluiceError} `invalid_request` if the record of the action would name nobody */
export function checkActor(actor: unknown): void {
  if (typeof actor !== 'string' || actor === '') throw refusal('Cannot act: give the name of the actor');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function refusal(message: string): SluiceError {
  return new SluiceError('invalid_request', message);
}
