/** The page of the HTTP API: the OpenAPI description that a node serves for a small model, as Markdown. */

import { createApi } from '@sluice/server/api';
import { createClient } from 'sluice/internal/client';
import { parseModel } from 'sluice/model';
import { cell, table } from './table.ts';

interface Described {
  description?: string;
}

interface Operation extends Described {
  summary?: string;
  parameters?: (Described & { name: string; in: string; required?: boolean })[];
  requestBody?: { content: Record<string, { schema: Schema }> };
  responses: Record<string, Described & { headers?: Record<string, Described> }>;
}

interface Schema extends Described {
  type?: string;
  enum?: string[];
  properties?: Record<string, Schema>;
  required?: string[];
}

interface OpenApi {
  info: { version: string; description: string };
  paths: Record<string, Record<string, Operation>>;
}

const model = parseModel({
  project: 'Shop',
  resources: [
    {
      name: 'Order',
      endpoint: 'shop/orders',
      identity: ['$.number'],
      schema: {
        type: 'object',
        required: ['number'],
        properties: { number: { type: 'integer' }, paid: { type: 'boolean' } },
      },
    },
  ],
});

/** The answer of `/openapi.json`. The client is never started, because a description needs no database. */
export async function readOpenApi(): Promise<OpenApi> {
  const client = createClient({ url: 'postgres://localhost/never_connected', model });
  const api = createApi({ client });
  try {
    return (await api.inject('/openapi.json')).json<OpenApi>();
  } finally {
    await api.close();
  }
}

export function httpReference({ info, paths }: OpenApi): string {
  return [
    '# HTTP API',
    '',
    'The page is generated from the OpenAPI description of a node whose model has one resource, `shop/orders`.',
    'Your node describes your own resources at `/openapi.json`, and shows the description at `/docs`.',
    'The description of this page: [openapi.json](/files/openapi.json){target="_self"}.',
    '',
    ...Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => section(method, path, operation)),
    ),
    '## Errors',
    '',
    info.description,
    '',
  ].join('\n');
}

function section(method: string, path: string, operation: Operation): string {
  const { summary = '', description = '', parameters = [], requestBody, responses } = operation;
  const bodies = Object.entries(requestBody?.content ?? {});
  return [
    `## \`${method.toUpperCase()} ${path}\``,
    '',
    `${cell(summary)}. ${cell(description)}`,
    '',
    table(
      ['parameter', 'in', 'what it is'],
      parameters.map(({ name, in: place, required, description: text = '' }) => [
        `\`${name}\``,
        required === true ? `${place}, required` : place,
        cell(text),
      ]),
    ),
    ...bodies.flatMap(([type, { schema }]) => [`Body: \`${type}\``, '', properties(schema)]),
    table(
      ['answer', 'what it means', 'headers'],
      Object.entries(responses).map(([status, { description: text = '', headers = {} }]) => [
        status === 'default' ? 'other' : status,
        cell(text),
        Object.keys(headers)
          .map((name) => `\`${name}\``)
          .join(', '),
      ]),
    ),
  ].join('\n');
}

function properties({ properties: all = {}, required = [] }: Schema): string {
  return table(
    ['property', 'form', 'what it is'],
    Object.entries(all).map(([name, { type, enum: values, description = '' }]) => [
      `\`${name}\`${required.includes(name) ? ', required' : ''}`,
      values === undefined ? (type ?? '') : values.map((each) => `\`${each}\``).join(', '),
      cell(description),
    ]),
  );
}
