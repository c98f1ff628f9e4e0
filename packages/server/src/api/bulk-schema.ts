/** What `/bulk` takes and gives, for the OpenAPI document. */
import type { FastifySchema } from 'fastify';
import { problem, writeHeaders } from './route-schemas.ts';
import { rowAnswer } from './write-schemas.ts';

export const bulkSchema: FastifySchema = {
  summary: 'Write many documents or rows',
  description:
    'One JSON object a line in: `endpoint`, `document`, and where wanted `operation` (`upsert`, `update`, `delete`), `id`, ' +
    '`ifMatch`, `idempotencyKey`. Of a row: `target`, `row`, and where wanted `operation` (`insert`, `upsert`, `update`, ' +
    '`delete`), `key`, `onConflict`, `resolution`, `returning`, `idempotencyKey`. One a line out, as they settle, in any order: `line` (from 1), `status`, and `id` with ' +
    '`etag`, or `problem`. A line that is refused hurts no other. Read answers while you send; of a client that does not, ' +
    '16 MiB of answers are kept before reading stops. A request that is ended early, as its client reads or sends nothing ' +
    'for too long, has a last line with `line` null and `linesBegun`: lines up to there have their answers.',
  tags: ['bulk'],
  querystring: {
    type: 'object',
    properties: {
      waitForReferences: {
        type: 'integer',
        description:
          'Seconds that a write may wait for documents nobody has submitted yet: lines in any order.',
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
              description: 'Of a document `upsert` where it is left out, of a row `insert`.',
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
