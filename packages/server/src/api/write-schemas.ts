/** What `/writes` takes and gives, for the OpenAPI document. */
import type { FastifySchema } from 'fastify';
import { writesAskedMax } from 'sluice/internal/client';
import { defaults } from 'sluice/internal/protocol';
import { problem } from './route-schemas.ts';

/** What an answer has of a row, a function or a handler. */
export const rowAnswer = {
  key: { type: 'object', description: 'Of a row: the key that the database gave it.' },
  rows: {
    type: 'array',
    items: { type: 'object' },
    description: 'The rows, where the write asked for them.',
  },
  answer: { description: 'What a function or a handler answers.' },
} as const;

const writeState = {
  type: 'object',
  properties: {
    writeId: { type: 'string' },
    state: { enum: ['ready', 'blocked', 'settled'] },
    resource: { type: 'string' },
    acceptedAt: { type: 'string', nullable: true },
    blockedAt: { type: 'string', nullable: true },
    settledAt: { type: 'string', nullable: true },
    awaits: {
      type: 'array',
      description: 'What a `blocked` write awaits, the first 200; empty for any other.',
      items: {
        type: 'object',
        required: ['awaitedId', 'since', 'kind', 'isPending'],
        properties: {
          awaitedId: { type: 'string', format: 'uuid' },
          since: { type: 'string', format: 'date-time' },
          kind: {
            enum: ['reference', 'predecessor'],
            description:
              'A document referred to, or a write that comes before, in the order of one document.',
          },
          resource: { type: 'string', description: 'Of a reference: name of the resource referred to.' },
          path: { type: 'string', description: 'Of a reference: its place in the document.' },
          isPending: { type: 'boolean', description: 'A write that would provide it is on its way.' },
        },
      },
    },
    outcome: {
      type: 'object',
      nullable: true,
      properties: {
        status: { type: 'integer' },
        result: { type: 'string' },
        id: { type: 'string' },
        etag: { type: 'string' },
        location: { type: 'string' },
        ...rowAnswer,
        problem: { $ref: 'Problem#' },
      },
    },
  },
} as const;

export const writeSchema: FastifySchema = {
  summary: 'Ask what became of a write',
  description: `Outcomes are kept for ${defaults.retentionHours} hours unless the deployment says otherwise.`,
  tags: ['writes'],
  params: {
    type: 'object',
    required: ['id'],
    properties: { id: { type: 'string', format: 'uuid' } },
  },
  response: {
    200: {
      description: 'The state; `outcome` once it is `settled`.',
      content: { 'application/json': { schema: writeState } },
    },
    default: problem,
  },
};

export const writesSchema: FastifySchema = {
  summary: 'Ask what became of many writes',
  tags: ['writes'],
  body: {
    content: {
      'application/json': {
        schema: {
          type: 'object',
          required: ['ids'],
          properties: {
            ids: { type: 'array', maxItems: writesAskedMax, items: { type: 'string', format: 'uuid' } },
          },
        },
      },
    },
  },
  response: {
    200: {
      description: 'As for one write, in any order; writes that are not there are left out.',
      content: { 'application/json': { schema: { type: 'array', items: writeState } } },
    },
    default: problem,
  },
};
