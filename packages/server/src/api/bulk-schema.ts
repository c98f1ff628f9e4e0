/** Requests and answers of `/bulk`, for the OpenAPI document. */
import type { FastifySchema } from 'fastify';
import { problem, writeHeaders } from './route-schemas.ts';
import { rowAnswer } from './write-schemas.ts';

export const bulkSchema: FastifySchema = {
  summary: 'Write many documents or rows',
  description:
    'Each line of the request is one JSON object. For a document: `endpoint`, `document`, and optionally `operation` (`upsert`, `update`, `delete`), `id`, ' +
    '`ifMatch`, `idempotencyKey`. For a row: `target`, `row`, and optionally `operation` (`insert`, `upsert`, `update`, ' +
    '`delete`), `key`, `onConflict`, `resolution`, `returning`, `idempotencyKey`. The answer has one line for each, in the order in which the writes are settled: `line` (from 1), `status`, and `id` with ' +
    '`etag`, or `problem`. A refused line does not affect the others. Read answers while you send: when 16 MiB of answers wait to be ' +
    'read, the node reads no further lines. If the client reads or sends nothing for too long, the node ends the request. The ' +
    'last line then has `line` null and `linesBegun`: lines up to that number have their answers.',
  tags: ['bulk'],
  querystring: {
    type: 'object',
    properties: {
      waitForReferences: {
        type: 'integer',
        description:
          'Seconds that a write may wait for documents that no client has submitted yet. Lines may then come in any order.',
      },
    },
  },
  headers: { type: 'object', properties: { Prefer: writeHeaders.Prefer } },
  body: {
    content: {
      'application/x-ndjson': {
        schema: {
          type: 'object',
          properties: {
            endpoint: { type: 'string', description: 'e.g. `/shop/orders`' },
            document: { type: 'object' },
            operation: {
              enum: ['insert', 'upsert', 'update', 'delete'],
              description: 'Default: `upsert` for a document, `insert` for a row.',
            },
            id: { type: 'string', format: 'uuid' },
            ifMatch: { type: 'string' },
            target: { type: 'string', description: 'A table, a function or a handler, e.g. `orders`' },
            row: { description: 'A row, or an array of rows, which is one write.' },
            key: { type: 'object', description: 'Update and delete: the key of the row.' },
            onConflict: { type: 'array', items: { type: 'string' } },
            resolution: { enum: ['merge', 'ignore'], default: 'merge' },
            returning: { type: 'boolean', default: false },
            idempotencyKey: { type: 'string' },
          },
        },
      },
    },
  },
  response: {
    200: {
      description: 'Outcomes, one a line.',
      content: {
        'application/x-ndjson': {
          schema: {
            type: 'object',
            properties: {
              line: { type: 'integer' },
              status: { type: 'integer' },
              result: { type: 'string' },
              id: { type: 'string' },
              etag: { type: 'string' },
              ...rowAnswer,
              problem: { $ref: 'Problem#' },
            },
          },
        },
      },
    },
    default: problem,
  },
};
