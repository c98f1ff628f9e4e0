/** The headers that change what a request asks for: Prefer, If-Match, If-None-Match, Idempotency-Key. */
import { SluiceError } from '@sluice/protocol';
import type { IncomingHttpHeaders } from 'node:http';

export interface Preferences {
  respondAsync: boolean;
  waitSeconds: number | null;
  waitForReferencesSeconds: number | null;
}

const noPreferences: Preferences = {
  respondAsync: false,
  waitSeconds: null,
  waitForReferencesSeconds: null,
};

/** RFC 7240: what is not understood is ignored; of a preference that comes twice, the first counts. */
export function readPreferences(header: string | string[] | undefined, secondsMax: number): Preferences {
  if (header === undefined) return noPreferences;
  const preferences = { ...noPreferences };
  const seconds = (value: string): number | null =>
    /^\d{1,9}$/.test(value) ? Math.min(Number(value), secondsMax) : null;
  for (const part of String(header).split(',')) {
    const [token = ''] = part.split(';');
    const [name = '', value = ''] = token.split('=').map((text) => text.trim().replace(/^"(.*)"$/, '$1'));
    switch (name.toLowerCase()) {
      case 'respond-async':
        preferences.respondAsync = true;
        break;
      case 'wait':
        preferences.waitSeconds ??= seconds(value);
        break;
      case 'wait-for-references':
        preferences.waitForReferencesSeconds ??= seconds(value);
        break;
      default:
    }
  }
  return preferences;
}

/** For `Preference-Applied`; undefined: none was. */
export function appliedPreferences(preferences: Preferences): string | undefined {
  if (preferences === noPreferences) return undefined;
  const { respondAsync, waitSeconds, waitForReferencesSeconds } = preferences;
  const applied: string[] = [];
  if (respondAsync) applied.push('respond-async');
  else if (waitSeconds !== null) applied.push(`wait=${waitSeconds}`);
  if (waitForReferencesSeconds !== null) applied.push(`wait-for-references=${waitForReferencesSeconds}`);
  return applied.length === 0 ? undefined : applied.join(', ');
}

/**
 * The content hash asked for, or `*`; null: none is. Weak and unquoted tags pass for what they name. Several tags are
 * refused, as a write is checked against one.
 *
 * @throws {SluiceError} `invalid_request`
 */
export function readIfMatch(header: string | undefined): string | null {
  if (header === undefined) return null;
  const tags = entityTags(header);
  const [tag] = tags;
  if (tags.length !== 1 || tag === undefined || tag.length > 255) {
    throw new SluiceError('invalid_request', 'Cannot read If-Match as it is not one entity tag or *');
  }
  return tag;
}

/** @throws {SluiceError} `invalid_request` for `If-None-Match`, which no write heeds: to ignore it would overwrite */
export function readCondition(headers: IncomingHttpHeaders): string | null {
  if (headers['if-none-match'] !== undefined) {
    throw new SluiceError('invalid_request', 'Cannot heed If-None-Match on a write: only If-Match is known');
  }
  return readIfMatch(headers['if-match']);
}

/** Whether the client has this version already (RFC 9110: weak comparison). */
export function matchesNone(header: string | undefined, contentHash: string): boolean {
  if (header === undefined) return true;
  return !entityTags(header).some((tag) => tag === '*' || tag === contentHash);
}

function entityTags(header: string): string[] {
  return header
    .split(',')
    .map((text) => text.trim().replace(/^(?:W\/)?"(.*)"$/, '$1'))
    .filter((tag) => tag !== '');
}

/**
 * The key, without the quotes of a structured field; null: none is given.
 * @throws {SluiceError} `invalid_request`
 */
export function readIdempotencyKey(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  const text = String(header);
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text)?.[1];
  const key = quoted === undefined ? text : quoted.replaceAll(/\\(["\\])/g, '$1');
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new SluiceError(
    'invalid_request',
    'Cannot take the Idempotency-Key as it is not of 1 to 255 visible ASCII characters',
  );
}

/** W3C Trace Context; one that comes twice is none, as the standard asks. What is in it is read where it is used. */
export function readTraceparent({ traceparent }: IncomingHttpHeaders): string | undefined {
  return typeof traceparent === 'string' && traceparent.length <= 255 ? traceparent : undefined;
}
