/** The headers that change a request: Prefer, conditions, Idempotency-Key, and its charset. */
import { SluiceError } from 'sluice/internal/protocol';
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

/** Parts between these characters, except inside quotes. */
const listParts = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;
const parameterParts = /(?:[^;"]|"(?:[^"\\]|\\.)*"?)+/;

/** RFC 7240: name and value of each preference, without quotes; of a repeated one, the first counts. */
export function listPreferences(header: string | string[] | undefined): Map<string, string> {
  const given = new Map<string, string>();
  for (const part of String(header ?? '').match(listParts) ?? []) {
    const [token = ''] = parameterParts.exec(part) ?? [];
    const equals = token.indexOf('=');
    const name = (equals < 0 ? token : token.slice(0, equals)).trim().toLowerCase();
    const value = equals < 0 ? '' : token.slice(equals + 1).trim();
    if (name !== '' && !given.has(name)) given.set(name, value.replace(/^"(.*)"$/s, '$1'));
  }
  return given;
}

/**
 * An unknown preference is ignored. A known one with an invalid value is refused, because the client would wait for
 * another time than it asked for.
 * @throws {SluiceError} `invalid_request`
 */
export function readPreferences(header: string | string[] | undefined, secondsMax: number): Preferences {
  if (header === undefined) return noPreferences;
  const given = listPreferences(header);
  const fault = (name: string, reason: string): SluiceError =>
    new SluiceError('invalid_request', `Cannot read the header Prefer because ${name} ${reason}`, {
      detail: { header: 'Prefer' },
    });
  const seconds = (name: string): number | null => {
    const value = given.get(name);
    if (value === undefined) return null;
    if (!/^\d{1,15}$/.test(value)) throw fault(name, 'is not a whole number of seconds');
    return Math.min(Number(value), secondsMax);
  };
  const respondAsync = given.get('respond-async');
  if (respondAsync !== undefined && respondAsync !== '') throw fault('respond-async', 'takes no value');
  return {
    respondAsync: respondAsync !== undefined,
    waitSeconds: seconds('wait'),
    waitForReferencesSeconds: seconds('wait-for-references'),
  };
}

/** Value of `Preference-Applied`; undefined: none was applied. */
export function appliedPreferences(preferences: Preferences): string | undefined {
  const { respondAsync, waitSeconds, waitForReferencesSeconds } = preferences;
  const applied: string[] = [];
  if (respondAsync) applied.push('respond-async');
  else if (waitSeconds !== null) applied.push(`wait=${waitSeconds}`);
  if (waitForReferencesSeconds !== null) applied.push(`wait-for-references=${waitForReferencesSeconds}`);
  return applied.length === 0 ? undefined : applied.join(', ');
}

/**
 * The required content hash, or `*`; null: none. Weak and unquoted tags are accepted. Several tags are refused,
 * because a write is checked against one.
 * @throws {SluiceError} `invalid_request`
 */
export function readIfMatch(header: string | undefined): string | null {
  if (header === undefined) return null;
  const tags = entityTags(header);
  const [tag] = tags;
  if (tags.length !== 1 || tag === undefined || tag.length > 255 || tag.includes('"')) {
    throw new SluiceError('invalid_request', 'Cannot read If-Match: it is not one entity tag or *');
  }
  return tag;
}

/**
 * The condition of a write, by {@link readIfMatch}.
 * @throws {SluiceError} `invalid_request`
 */
export function readCondition(headers: IncomingHttpHeaders): string | null {
  refuseUnchecked(headers);
  return readIfMatch(headers['if-match']);
}

/**
 * Refuses conditions that no batch checks, because a write that ignored them would overwrite. A date has seconds, and
 * several versions may have the same. If-Match replaces it (RFC 9110, 13.1.4).
 * @throws {SluiceError} `invalid_request`
 */
export function refuseUnchecked(headers: IncomingHttpHeaders): void {
  const isDated = headers['if-unmodified-since'] !== undefined && !headers['if-match']?.trim();
  const name =
    headers['if-none-match'] !== undefined ? 'If-None-Match' : isDated ? 'If-Unmodified-Since' : null;
  if (name === null) return;
  throw new SluiceError('invalid_request', `Cannot use ${name} on a write: use If-Match`, {
    detail: { header: name },
  });
}

/**
 * Checks the conditions of a read in the order of RFC 9110, 13.2.2.
 * @returns whether the client already has this version, by weak comparison
 * @throws {SluiceError} `precondition_failed`
 */
export function hasVersion(
  headers: IncomingHttpHeaders,
  { contentHash, modifiedAt }: { contentHash: string; modifiedAt: string },
): boolean {
  const isNamedBy = (tags: readonly string[]): boolean =>
    tags.some((tag) => tag === '*' || tag === contentHash);
  const required = entityTags(headers['if-match'] ?? '');
  if (required.length > 0) {
    if (!isNamedBy(required)) throw new SluiceError('precondition_failed');
  } else if (Date.parse(modifiedAt) >= readDate(headers['if-unmodified-since']) + 1000) {
    const detail = 'The document was modified after the date of If-Unmodified-Since.';
    throw new SluiceError('precondition_failed', detail);
  }
  return isNamedBy(entityTags(headers['if-none-match'] ?? ''));
}

/** Milliseconds; NaN: it is no date of HTTP, and is ignored (RFC 9110, 13.1.4). */
function readDate(text = ''): number {
  if (!/^[A-Z][a-z]+,? .*\d\d:\d\d:\d\d (?:GMT|\d{4})$/.test(text)) return NaN;
  return Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
}

function entityTags(header: string): string[] {
  return header
    .split(',')
    .map((text) => text.trim().replace(/^(?:W\/)?"(.*)"$/, '$1'))
    .filter((tag) => tag !== '');
}

/**
 * The key, without the quotes of a structured field; null: none.
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
    'Cannot take the Idempotency-Key: it is not of 1 to 255 visible ASCII characters',
  );
}

/** W3C Trace Context; a repeated header counts as none, as the standard requires. Its content is parsed where it is used. */
export function readTraceparent({ traceparent }: IncomingHttpHeaders): string | undefined {
  return typeof traceparent === 'string' && traceparent.length <= 255 ? traceparent : undefined;
}

export function hasBody(headers: IncomingHttpHeaders): boolean {
  return (headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined;
}

/**
 * All text is read as UTF-8, which includes US-ASCII, so another declared charset is refused.
 * @throws {SluiceError} `unsupported_media_type`
 */
export function assertCharset(contentType: string | undefined): void {
  const charset = /;\s*charset\s*=\s*(?:"([^"]*)"|([^;\s]*))/i.exec(contentType ?? '');
  if (charset === null) return;
  const name = charset[1] ?? charset[2] ?? '';
  if (/^(?:utf-?8|us-ascii|ascii)$/i.test(name)) return;
  throw new SluiceError(
    'unsupported_media_type',
    `Cannot take the body because its charset is not UTF-8: ${name.replaceAll(/[^\w.:-]/g, '?').slice(0, 40)}`,
  );
}
