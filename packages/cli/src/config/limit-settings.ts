/** What a node takes from its clients. Each limit is a number with bounds, so they are set out as a table. */
import { defaults } from '@sluice/protocol';
import type { ApiLimits } from '@sluice/api';
import { setting, type Setting, type Values } from './setting.ts';
import { numberSetting, wholeNumber } from './settings.ts';

type Bounds = { from: number; to: number; fallback: number };

const limit = (name: string, unit: string, description: string, bounds: Bounds): Setting<number> =>
  numberSetting(
    `--${name} <${unit}>`,
    [`SLUICE_${name.replaceAll('-', '_').toUpperCase()}`],
    description,
    bounds,
  );

const MiB = 1024 * 1024;

export const limitSettings = {
  bodyBytesMax: limit('body-bytes-max', 'bytes', 'largest document, or line of a bulk request', {
    from: 1024,
    to: 256 * MiB,
    fallback: defaults.bodyBytesMax,
  }),
  bodyDepthMax: limit('body-depth-max', 'number', 'objects and arrays of a document inside one another', {
    from: 1,
    to: 1_000,
    fallback: defaults.bodyDepthMax,
  }),
  keysMax: limit('body-keys-max', 'number', 'keys of all objects of a document together', {
    from: 1,
    to: 10_000_000,
    fallback: defaults.bodyKeysMax,
  }),
  arrayLengthMax: limit('array-length-max', 'number', 'elements of one array of a document', {
    from: 1,
    to: 10_000_000,
    fallback: defaults.arrayLengthMax,
  }),
  stringLengthMax: limit('string-bytes-max', 'bytes', 'longest string of a document', {
    from: 1,
    to: 256 * MiB,
    fallback: defaults.stringBytesMax,
  }),
  headerBytesMax: limit('header-bytes-max', 'bytes', 'line and headers of a request', {
    from: 1024,
    to: MiB,
    fallback: defaults.headerBytesMax,
  }),
  headerTimeoutMs: limit('header-timeout-ms', 'ms', 'in which the headers of a request must have come', {
    from: 1,
    to: 600_000,
    fallback: defaults.headerTimeoutMs,
  }),
  bodyTimeoutMs: limit(
    'body-timeout-ms',
    'ms',
    'in which its body must have come; of a bulk request, more of it',
    { from: 1, to: 3_600_000, fallback: defaults.bodyTimeoutMs },
  ),
  readerTimeoutMs: limit('reader-timeout-ms', 'ms', 'in which a client must take more of an answer', {
    from: 1,
    to: 3_600_000,
    fallback: defaults.readerTimeoutMs,
  }),
  readBytesMax: limit(
    'read-bytes-max',
    'bytes',
    'bytes of documents that this node holds for the answers under way',
    { from: MiB, to: 65_536 * MiB, fallback: defaults.readBytesMax },
  ),
  bodiesBytesMax: limit(
    'bodies-bytes-max',
    'bytes',
    'bytes of large bodies that this node holds for the writes under way',
    { from: MiB, to: 65_536 * MiB, fallback: defaults.bodiesBytesMax },
  ),
  clientRequestsMax: limit('client-requests-max', 'number', 'requests of one client under way on this node', {
    from: 1,
    to: 1_000_000,
    fallback: defaults.clientRequestsMax,
  }),
  clientRate: limit(
    'client-rate',
    'number',
    'requests and bulk lines of one client a second on this node; 0 sets no limit',
    { from: 0, to: 1_000_000, fallback: defaults.clientRate },
  ),
};

/** Of the client behind the node, which checks what is written and bounds what is read. */
export const documentSettings = {
  documentBytesMax: setting<number | undefined>({
    flags: '--document-bytes-max <bytes>',
    variables: ['SLUICE_DOCUMENT_BYTES_MAX'],
    description:
      'largest document as PostgreSQL writes it out, with every digit of its numbers; left out, twice --body-bytes-max, and at least 20 MiB',
    form: `a whole number from 1024 to ${256 * MiB}`,
    schema: wholeNumber(1024, 256 * MiB),
  }),
  pageBytesMax: limit('page-bytes-max', 'bytes', 'bytes of documents from which on a page ends early', {
    from: 1024,
    to: 256 * MiB,
    fallback: defaults.pageBytesMax,
  }),
};

export function documentBytesMaxOf({
  documentBytesMax,
  bodyBytesMax,
}: {
  documentBytesMax: number | undefined;
  bodyBytesMax: number;
}): number {
  return documentBytesMax ?? Math.min(Math.max(defaults.documentBytesMax, 2 * bodyBytesMax), 256 * MiB);
}

/** Of the client behind the node: what one client may have waiting in the database, for all nodes together. */
export const blockedWritesMax = limit(
  'client-blocked-writes-max',
  'number',
  'writes of one client that may wait for references',
  { from: 0, to: 100_000_000, fallback: defaults.blockedWritesMax },
);

export function limitsOf(values: Values<typeof limitSettings>): Partial<ApiLimits> {
  const names = Object.keys(limitSettings) as (keyof typeof limitSettings)[];
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}
