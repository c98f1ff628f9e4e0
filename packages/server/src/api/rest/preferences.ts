/** The header `Prefer` as PostgREST reads it, with additional preferences of Sluice. */
import type { IncomingHttpHeaders } from 'node:http';
import {
  appliedPreferences,
  listPreferences,
  readPreferences,
  type Preferences,
} from '../request-headers.ts';
import { notOffered, RestError } from './rest-error.ts';

export interface RestPreferences extends Preferences {
  returns: 'minimal' | 'headers-only' | 'representation';
  /** For an insert: what happens to an existing row; null: it is refused. */
  resolution: 'merge' | 'ignore' | null;
  missing: 'default' | 'null';
  /** The answer has the number of affected rows. */
  counts: boolean;
  /** The entries of `Preference-Applied`, if the answer has what the client asked for. */
  applied: readonly string[];
}

/** In the order in which PostgREST lists applied preferences. */
const known: Readonly<Record<string, RegExp>> = {
  resolution: /^(?:merge|ignore)-duplicates$/,
  missing: /^(?:default|null)$/,
  return: /^(?:minimal|headers-only|representation)$/,
  count: /^(?:exact|planned|estimated)$/,
  tx: /^(?:commit|rollback)$/,
  handling: /^(?:strict|lenient)$/,
  'max-affected': /^[1-9]\d{0,14}$/,
};
/** Preferences without an effect, by the kind of a request. They are ignored, and do not count as applied. */
const withoutEffect: Readonly<Record<'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'call', readonly string[]>> = {
  POST: [],
  PUT: ['resolution'],
  PATCH: ['resolution', 'missing'],
  DELETE: ['resolution', 'missing'],
  call: ['resolution', 'missing', 'return', 'count', 'max-affected'],
};
/** Preferences of an answer with the outcome. */
const ofOutcome = ['return', 'count'];
const ofSluice = ['respond-async', 'wait', 'wait-for-references'];

/** A cache, because programs send the same few headers again and again. */
const recent = new Map<string, Readonly<RestPreferences>>();
const recentMax = 64;
const recentLengthMax = 200;

/**
 * An unknown preference is ignored, or refused if the client asks for `handling=strict`.
 * @throws {RestError}
 */
export function readRestPreferences(
  { prefer }: IncomingHttpHeaders,
  secondsMax: number,
  kind: keyof typeof withoutEffect,
): Readonly<RestPreferences> {
  const key = `${kind} ${secondsMax} ${String(prefer ?? '')}`;
  const seen = recent.get(key);
  if (seen !== undefined) return seen;
  const made = preferencesOf(prefer, secondsMax, kind);
  if (recent.size >= recentMax) recent.clear();
  if (key.length <= recentLengthMax) recent.set(key, made);
  return made;
}

function preferencesOf(
  prefer: IncomingHttpHeaders['prefer'],
  secondsMax: number,
  kind: keyof typeof withoutEffect,
): RestPreferences {
  const given = listPreferences(prefer);
  const isKnown = ([name, value]: [string, string]): boolean =>
    ofSluice.includes(name) || (Object.hasOwn(known, name) && known[name]!.test(value));
  const strange = [...given].filter((each) => !isKnown(each));
  if (given.get('handling') === 'strict' && strange.length > 0) throw invalidPreferences(strange);
  if (given.get('tx') === 'rollback') {
    throw notOffered(
      'Prefer: tx=rollback is not offered because a write shares its transaction with others.',
    );
  }
  for (const [name] of strange) given.delete(name);
  // A write to one row affects at most one. PostgREST checks the limit only with strict handling.
  if (given.get('handling') !== 'strict') given.delete('max-affected');
  const own = readPreferences(prefer, secondsMax);
  const resolution = given.get('resolution');
  const ignored = [...withoutEffect[kind], ...(own.respondAsync ? ofOutcome : [])];
  const applied = Object.keys(known).flatMap((name) =>
    given.has(name) && !ignored.includes(name) ? [`${name}=${given.get(name)}`] : [],
  );
  const ofOwn = appliedPreferences(own);
  if (ofOwn !== undefined) applied.push(ofOwn);
  return {
    ...own,
    returns: (given.get('return') ?? 'minimal') as RestPreferences['returns'],
    resolution: resolution === undefined ? null : resolution.startsWith('merge') ? 'merge' : 'ignore',
    missing: given.get('missing') === 'default' ? 'default' : 'null',
    counts: given.has('count'),
    applied,
  };
}

function invalidPreferences(strange: readonly [string, string][]): RestError {
  const names = strange.map(([name, value]) => (value === '' ? name : `${name}=${value}`));
  return new RestError('invalid_request', {
    code: 'PGRST122',
    status: 400,
    message: 'Invalid preferences given with handling=strict',
    details: `Invalid preferences: ${names.join(', ').slice(0, 200)}`,
  });
}
