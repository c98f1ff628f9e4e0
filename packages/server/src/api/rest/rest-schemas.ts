/** Requests and answers of `/rest`, for the OpenAPI document; each table has its own there. Nothing is validated by these. */
import type { FastifySchema } from 'fastify';
import { accepted, empty, writeHeaders } from '../route-schemas.ts';

const refusal = {
  description: 'A refusal, in the form of PostgREST.',
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['code', 'message', 'details', 'hint'],
        properties: {
          code: { type: 'string', description: '`PGRST…`, a SQLSTATE, or a code of the table of errors.' },
          message: { type: 'string' },
          details: { type: 'string', nullable: true },
          hint: { type: 'string', nullable: true },
        },
      },
    },
  },
};

const row = { type: 'object' } as const;
const rows = { type: 'array', items: row } as const;
const json = (schema: object) => ({ content: { 'application/json': { schema } } });
const answered = (description: string) => ({ description, ...json(rows) });

const table = { type: 'string', description: 'Name of a table, e.g. `orders`.' } as const;
const headersOf = (prefer: string) => ({
  type: 'object',
  properties: {
    ...writeHeaders,
    Prefer: { type: 'string', description: `${prefer} ${writeHeaders.Prefer.description}` },
    'Content-Profile': { type: 'string', description: 'Schema of the table. `public` where it is left out.' },
  },
});
const returns = '`return=minimal`, `headers-only` or `representation`; `handling=strict`; `count=exact`.';
const select = {
  type: 'string',
  description: 'Columns of the rows in the answer, separated by commas.',
} as const;
const columns = {
  type: 'string',
  description: 'Columns to write. Other columns of the body are ignored.',
} as const;
const common = { params: { type: 'object', required: ['table'], properties: { table } }, tags: ['rows'] };

export const insertRowsSchema: FastifySchema = {
  ...common,
  summary: 'Insert rows, or upsert them',
  description: 'An array is one write: all of its rows are written or none.',
  headers: headersOf(
    `${returns} \`resolution=merge-duplicates\` or \`ignore-duplicates\`; \`missing=default\`.`,
  ),
  querystring: {
    type: 'object',
    properties: {
      columns,
      select,
      on_conflict: {
        type: 'string',
        description: 'Columns of the unique constraint that identifies the row.',
      },
    },
  },
  body: json({ oneOf: [row, rows] }),
  response: { 200: answered('Updated.'), 201: answered('Inserted.'), 202: accepted, default: refusal },
};

/** The filters are those of the table's own key. */
export const putRowSchema: FastifySchema = {
  ...common,
  summary: 'Insert or replace one row by its key',
  headers: headersOf(returns),
  querystring: { type: 'object', properties: { columns, select } },
  body: json(row),
  response: { 200: answered('Updated.'), 201: answered('Inserted.'), 202: accepted, default: refusal },
};

export const changeRowSchema: FastifySchema = {
  ...common,
  summary: 'Change columns of one row by its key',
  headers: headersOf(returns),
  querystring: { type: 'object', properties: { columns, select } },
  body: json(row),
  response: {
    200: answered('Updated.'),
    202: accepted,
    204: empty('Updated, or no such row.'),
    default: refusal,
  },
};

export const deleteRowSchema: FastifySchema = {
  ...common,
  summary: 'Delete one row by its key',
  headers: headersOf(returns),
  querystring: { type: 'object', properties: { select } },
  response: {
    200: answered('Deleted.'),
    202: accepted,
    204: empty('Deleted, or no such row.'),
    default: refusal,
  },
};

export const callSchema: FastifySchema = {
  summary: 'Write to a function or a handler',
  tags: ['functions'],
  params: {
    type: 'object',
    required: ['name'],
    properties: {
      name: { type: 'string', description: 'Name of a function or handler, e.g. `count_views`.' },
    },
  },
  headers: headersOf(''),
  body: json({}),
  response: {
    200: { description: 'The answer of the function.', ...json({}) },
    202: accepted,
    204: empty('The function answers nothing.'),
    default: refusal,
  },
};
