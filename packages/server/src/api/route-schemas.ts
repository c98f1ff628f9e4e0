/** What the routes take and give, for the OpenAPI document. Nothing is validated or serialised by these. */
import type { FastifySchema } from 'fastify';

export const problem = {
  description: 'A problem: its `code` says which.',
  content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
};
export const empty = (description: string, ...headers: (keyof typeof headerDocs)[]) => ({
  description,
  type: 'null',
  headers: Object.fromEntries(headers.map((name) => [name, headerDocs[name]])),
});
const headerDocs = {
  Location: { type: 'string', description: 'Path of the document, or of the write.' },
  ETag: { type: 'string', description: 'Hash of the document’s content, quoted.' },
  'Sluice-Result': {
    type: 'string',
    enum: ['created', 'updated', 'unchanged', 'deleted'],
    description: 'What the write came to.',
  },
  'Total-Count': { type: 'integer', description: 'Documents of the resource, if asked for.' },
  Link: {
    type: 'string',
    description:
      'Of a page that ended early: with `rel="next"`, the rest of what was asked for. None: the page is whole.',
  },
} as const;
export const accepted = empty(
  'Accepted and durable, not settled yet (`Prefer: respond-async`): ask at `Location`.',
  'Location',
);

const resourceParams = {
  type: 'object',
  required: ['project', 'resource'],
  properties: {
    project: { type: 'string', description: 'e.g. `shop`' },
    resource: { type: 'string', description: 'e.g. `schools`, in any case' },
  },
} as const;
const documentParams = {
  type: 'object',
  required: ['project', 'resource', 'id'],
  properties: { ...resourceParams.properties, id: { type: 'string', format: 'uuid' } },
} as const;

export const writeHeaders = {
  'Idempotency-Key': {
    type: 'string',
    description:
      '1 to 255 visible ASCII characters. The same key and request get the same outcome, applied once.',
  },
  Prefer: {
    type: 'string',
    description:
      '`wait=SECONDS`: how long to wait for the outcome; at the end the write is cancelled. `respond-async`: 202 at once. ' +
      '`wait-for-references=SECONDS`: how long the write may wait for documents that nobody has submitted yet.',
  },
} as const;
const ifMatch = {
  'If-Match': { type: 'string', description: 'Entity tag that the document must have, or `*`.' },
} as const;
const documentBody = { content: { 'application/json': { schema: { type: 'object' } } } };

export const upsertSchema: FastifySchema = {
  summary: 'Create a document, or replace the one with the same identity',
  tags: ['documents'],
  params: resourceParams,
  headers: {
    type: 'object',
    properties: {
      ...writeHeaders,
      'If-Match': {
        type: 'string',
        description:
          'Entity tag that the document must have, or `*`: it must exist. A profile may ignore it.',
      },
    },
  },
  body: documentBody,
  response: {
    200: empty('Replaced, or the same already.', 'Location', 'ETag', 'Sluice-Result'),
    201: empty('Created.', 'Location', 'ETag', 'Sluice-Result'),
    202: accepted,
    default: problem,
  },
};

export const replaceSchema: FastifySchema = {
  summary: 'Replace a document',
  tags: ['documents'],
  params: documentParams,
  headers: { type: 'object', properties: { ...writeHeaders, ...ifMatch } },
  body: documentBody,
  response: {
    202: accepted,
    204: empty('Replaced, or the same already.', 'Location', 'ETag', 'Sluice-Result'),
    default: problem,
  },
};

export const removeSchema: FastifySchema = {
  summary: 'Delete a document',
  tags: ['documents'],
  params: documentParams,
  headers: { type: 'object', properties: { ...writeHeaders, ...ifMatch } },
  response: { 202: accepted, 204: empty('Deleted.', 'Sluice-Result'), default: problem },
};

export const documentSchema: FastifySchema = {
  summary: 'Read a document',
  tags: ['documents'],
  params: documentParams,
  headers: { type: 'object', properties: { 'If-None-Match': { type: 'string' } } },
  response: {
    200: {
      description: 'The document, with its id.',
      headers: { ETag: headerDocs.ETag },
      content: { 'application/json': { schema: { type: 'object' } } },
    },
    304: empty('The client has this version.', 'ETag'),
    default: problem,
  },
};

export const documentsSchema: FastifySchema = {
  summary: 'List documents',
  tags: ['documents'],
  params: resourceParams,
  querystring: {
    type: 'object',
    properties: {
      limit: { type: 'integer', minimum: 0, maximum: 500, default: 25 },
      offset: { type: 'integer', minimum: 0, default: 0 },
      totalCount: { type: 'boolean', default: false },
    },
  },
  response: {
    200: {
      description:
        'A page of documents, each with its id. One that would be too large ends early: see `Link`.',
      headers: { 'Total-Count': headerDocs['Total-Count'], Link: headerDocs['Link'] },
      content: { 'application/json': { schema: { type: 'array', items: { type: 'object' } } } },
    },
    default: problem,
  },
};

export const healthSchema: FastifySchema = {
  summary: 'Whether this process is up',
  tags: ['health'],
  response: { 200: empty('It is.') },
};

export const readySchema: FastifySchema = {
  summary: 'Whether this node takes writes',
  tags: ['health'],
  response: {
    200: empty(
      'It does; says whether hints arrive (`notify`) or everything is polled (`poll`), and how many lanes take no writes: ' +
        'as nobody leads them, or as too many wait there.',
    ),
    default: problem,
  },
};

export const metricsSchema: FastifySchema = {
  summary: 'Metrics of this node and of the database, for Prometheus',
  tags: ['health'],
  response: { 200: empty('The text exposition format.') },
};
