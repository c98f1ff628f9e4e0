/** What `/bulk` takes and gives, for the OpenAPI document. */
import type { FastifySchema } from 'fastify';
import { problem, writeHeaders } from './route-schemas.ts';

export const bulkSchema: FastifySchema = {
  summary: 'Write many documents',
  description:
    'One JSON object a line in: `endpoint`, `document`, and where wanted `operation` (`upsert`, `update`, `delete`), `id`, ' +
    '`ifMatch`, `idempotencyKey`. One a line out, as they settle, in any order: `line` (from 1), `status`, and `id` with ' +
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
          required: ['endpoint'],
          properties: {
            endpoint: { type: 'string', description: 'e.g. `/shop/orders`' },
            document: { type: 'object' },
            operation: { enum: ['upsert', 'update', 'delete'], default: 'upsert' },
            id: { type: 'string', format: 'uuid' },
            ifMatch: { type: 'string' },
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
              problem: { $ref: 'Problem#' },
            },
          },
        },
      },
    },
    default: problem,
  },
};
