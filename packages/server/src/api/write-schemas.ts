/** Requests and answers of `/writes`, for the OpenAPI document. */
import type { FastifySchema } from 'fastify';
import { writesAskedMax } from 'sluice/internal/client';
import { defaults } from 'sluice/internal/protocol';
import { problem } from './route-schemas.ts';

/** The parts of an answer for a row, a function or a handler. */
export const rowAnswer = {
  key: {
    type: 'object',
    description: 'For a row: its key in the database. Numbers of more than 15 characters are strings.',
  },
  rows: {
    type: 'array',
    items: { type: 'object' },
    description: 'The written rows, if the write asked for them.',
  },
  answer: { description: 'The answer of a function or a handler.' },
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
      description: 'What a `blocked` write waits for, at most 200 entries. Empty for any other write.',
      items: {
        type: 'object',
        required: ['awaitedId', 'since', 'kind', 'isPending'],
        properties: {
          awaitedId: { type: 'string', format: 'uuid' },
          since: { type: 'string', format: 'date-time' },
          kind: {
            enum: ['reference', 'predecessor'],
            description: 'A referenced document, or an earlier write of the same document.',
          },
          resource: { type: 'string', description: 'For a reference: name of the referenced resource.' },
          path: { type: 'string', description: 'For a reference: its path in the document.' },
          isPending: {
            type: 'boolean',
            description: 'Whether a write in the intake would create the document.',
          },
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
  summary: 'Read the state and outcome of a write',
  description: `Outcomes are kept for ${defaults.retentionHours} hours by default.`,
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
  summary: 'Read the states and outcomes of many writes',
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
      description: 'As for one write, in any order. Unknown ids are left out.',
      content: { 'application/json': { schema: { type: 'array', items: writeState } } },
    },
    default: problem,
  },
};
