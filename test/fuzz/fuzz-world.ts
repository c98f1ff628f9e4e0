// What the hostile input is thrown at: nodes of each mode and a writer, in this process, on one database.

import { createApi, Authenticator, createApiKey, type ApiOptions } from '@sluice/server/api';
import { createClient } from 'sluice/internal/client';
import { readModel } from '@sluice/edfi';
import { profile as edFiProfile } from '@sluice/edfi/profile';
import { parseModel, type Model } from 'sluice/model';
import { modes, type Mode } from 'sluice/internal/protocol';
import type { TargetDefinition } from 'sluice/internal/targets';
import { createWriter } from 'sluice/internal/writer';
import { pino } from 'pino';
import { afterAll, beforeAll } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { schemaFile } from '../support/edfi.ts';
import { execute } from '../support/postgres.ts';

export const nativeModel: Model = parseModel({
  project: 'Fuzz',
  resources: [
    { name: 'Thing', endpoint: 'fuzz/things', identity: ['$.code'] },
    { name: 'Pair', endpoint: 'fuzz/pairs', identity: ['$.first', '$.second'] },
    { name: 'Label', endpoint: 'fuzz/labels', isDescriptor: true },
    {
      name: 'Member',
      endpoint: 'fuzz/members',
      identity: ['$.code'],
      references: [
        { resource: 'Thing', paths: [{ identity: '$.code', path: '$.thingReference.code' }] },
        {
          resource: 'Pair',
          paths: ['first', 'second'].map((name) => ({
            identity: `$.${name}`,
            path: `$.others[*].pairReference.${name}`,
          })),
        },
      ],
    },
    {
      name: 'Sheet',
      endpoint: 'fuzz/sheets',
      identity: ['$.code'],
      schema: {
        type: 'object',
        properties: {
          code: { type: 'string', maxLength: 60 },
          count: { type: 'integer' },
          ratio: { type: 'number' },
          day: { type: 'string', format: 'date' },
          mail: { type: 'string', format: 'email' },
          link: { type: 'string', format: 'uri' },
          tags: { type: 'array', items: { type: 'string' } },
          rows: { type: 'array', items: { type: 'object' }, uniqueItems: true },
        },
        required: ['code'],
        additionalProperties: false,
      },
    },
  ],
});

export interface FuzzWorld {
  url: string;
  /** Nodes by mode. */
  nodes: Readonly<Record<Mode, ReturnType<typeof createApi>>>;
  /** All that the nodes have logged. */
  logged(): string;
}

export interface FuzzWorldOptions {
  profile?: 'native' | 'edfi';
  api?: Omit<ApiOptions, 'client'>;
  /** The user's own tables, and the statements that make them. */
  tables?: { sql: string; targets: TargetDefinition[] };
}

/** Starts nodes and a writer for the calling `describe`. */
export function useFuzzWorld({ profile = 'native', api = {}, tables }: FuzzWorldOptions = {}): FuzzWorld {
  const database = useDatabase();
  const world: Partial<FuzzWorld> = {};
  const lines: string[] = [];
  const stops: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    const model = profile === 'native' ? nativeModel : await readModel(schemaFile);
    const { url } = database;
    if (tables !== undefined) await execute(url, tables.sql);
    const targets = tables?.targets ?? [];
    const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
    const writer = createWriter({ url, model, targets, logger });
    await writer.start();
    const nodes = await Promise.all(
      modes.map(async (mode) => {
        // Nodes, writer and clients share one thread here: when it is busy, a lane has no leader.
        const client = createClient({
          url,
          model,
          targets,
          mode,
          logger,
          waitMs: 20_000,
          sessionsMax: 4,
          leaderGraceMs: 60_000,
        });
        await client.start();
        const node = createApi({
          client,
          logger,
          ...(model.format === null ? {} : { profile: edFiProfile }),
          ...api,
        });
        stops.push(async () => {
          await node.close();
          await client.stop();
        });
        return [mode, node] as const;
      }),
    );
    stops.push(() => writer.stop());
    Object.assign(world, { url, nodes: Object.fromEntries(nodes), logged: () => lines.join('') });
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
  });
  return world as FuzzWorld;
}

/** An authenticator that knows one key, and the key. */
export function oneKey(): { auth: Authenticator; authorization: string } {
  const { text, prefix, hash } = createApiKey();
  const stored = { prefix, hash, client: 'fuzz', scopes: ['read:*', 'write:*'], secondsLeft: null };
  const auth = new Authenticator({ keys: { readKeys: () => Promise.resolve([stored]) }, tokens: null });
  return { auth, authorization: `Bearer ${text}` };
}
