/** Requests and answers of the routes, for the OpenAPI document. Nothing is validated or serialised by these. */
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
    description: 'The outcome of the write.',
  },
  'Total-Count': { type: 'integer', description: 'Documents of the resource, if asked for.' },
  Link: {
    type: 'string',
    description: 'With `rel="next"`: the rest of a page that ended early. Absent: the page is complete.',
  },
} as const;
export const accepted = empty(
  'Accepted and durable, not settled yet (`Prefer: respond-async`). Read the outcome at `Location`.',
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
      '1 to 255 visible ASCII characters. A repeated request with the same key gets the same outcome, and is applied once.',
  },
  Prefer: {
    type: 'string',
    description:
      '`wait=SECONDS`: how long to wait for the outcome; then the write is cancelled. `respond-async`: answers 202 without waiting. ' +
      '`wait-for-references=SECONDS`: how long the write may wait for documents that no client has submitted yet.',
  },
} as const;
const ifMatch = {
  'If-Match': {
    type: 'string',
    description: 'Entity tag that the document must have, or `*`. A write takes no other condition.',
  },
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
    200: empty('Replaced, or unchanged.', 'Location', 'ETag', 'Sluice-Result'),
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
    204: empty('Replaced, or unchanged.', 'Location', 'ETag', 'Sluice-Result'),
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
  headers: {
    type: 'object',
    properties: {
      'If-None-Match': { type: 'string', description: 'Entity tags of versions that the client has.' },
      'If-Match': { type: 'string', description: 'Entity tags, or `*`; else the answer is 412.' },
    },
  },
  response: {
    200: {
      description: 'The document, with its id.',
      headers: { ETag: headerDocs.ETag },
      content: { 'application/json': { schema: { type: 'object' } } },
    },
    304: empty('Not modified: the client has this version.', 'ETag'),
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
        'A page of documents, each with its id. A page that would be too large ends early: see `Link`.',
      headers: { 'Total-Count': headerDocs['Total-Count'], Link: headerDocs['Link'] },
      content: { 'application/json': { schema: { type: 'array', items: { type: 'object' } } } },
    },
    default: problem,
  },
};

export const healthSchema: FastifySchema = {
  summary: 'Whether this process runs',
  tags: ['health'],
  response: { 200: empty('It is.') },
};

export const readySchema: FastifySchema = {
  summary: 'Whether this node accepts writes',
  tags: ['health'],
  response: {
    200: empty(
      'This node accepts writes. Tells whether hints arrive (`notify`) or the node polls (`poll`), and how many lanes accept no writes, ' +
        'because no session leads them or too many writes wait there.',
    ),
    default: problem,
  },
};

export const metricsSchema: FastifySchema = {
  summary: 'Metrics of this node and of the database, for Prometheus',
  tags: ['health'],
  response: { 200: empty('Metrics in the text exposition format.') },
};
