// Hostile rows for tables with columns of many types, through nodes of each mode, each burst with sound rows beside it.

import { describe, expect, test } from 'vitest';
import { modes } from 'sluice/internal/protocol';
import type { Rng } from '../chaos/rng.ts';
import { sql } from '../support/sql.ts';
import { Campaign, casesOf, rngOf, within } from './campaign.ts';
import { useFuzzWorld } from './fuzz-world.ts';
import { canary } from './hostile-documents.ts';
import type { HostileRequest } from './hostile-requests.ts';
import { hostileRowRequest, rowTables, rowTargets } from './hostile-rows.ts';

const burstSize = 40;
const hangMs = 60_000;

describe('hostile rows', () => {
  const world = useFuzzWorld({ tables: { sql: rowTables, targets: rowTargets } });
  const campaign = new Campaign('hostile rows');
  const { cases, timeoutMs } = casesOf(0.25);
  let sound = 1000;

  const send = (rng: Rng, { method, url, headers, payload }: HostileRequest) =>
    world.nodes[rng.pick(modes)].inject({
      method: method as 'POST',
      url,
      headers,
      ...(payload === undefined ? {} : { payload }),
    });

  /** A row of the same table and the same form as many hostile ones, so that it is in their statements. */
  async function neighbour(rng: Rng): Promise<void> {
    const payload = JSON.stringify({ id: ++sound, int: 5 });
    const headers = { 'content-type': 'application/json' };
    const request = { method: 'POST', url: '/rest/fuzzed', headers, payload, fate: 'accepted' } as const;
    const { statusCode, body } = await within(hangMs, `neighbour ${sound}`, send(rng, request));
    campaign.count('sound neighbours', 'accepted');
    if (statusCode !== 201) campaign.fault('sound neighbours', sound, `got ${statusCode} ${body}`, payload);
  }

  async function hostile(number: number): Promise<void> {
    const rng = rngOf('rows', number);
    const request = hostileRowRequest(rng);
    const { statusCode, body } = await within(hangMs, `row ${number}`, send(rng, request));
    const isBulk = request.url === '/bulk' && statusCode === 200;
    const status = isBulk ? (JSON.parse(body.split('\n')[0]!) as { status: number }).status : statusCode;
    const kind = `${request.method} ${/^[^?]*/.exec(request.url)![0]}`;
    campaign.count(kind, status < 400 ? 'accepted' : 'refused');
    const fault = (what: string): void =>
      campaign.fault(kind, number, `${what}: ${status} ${body.slice(0, 500)}`, JSON.stringify(request));
    if (status >= 500) fault('a fault of the node');
    if (body.includes('dead_letter')) fault('a dead letter');
    if (status >= 400 && body.includes(canary) && !request.url.includes(canary))
      fault('shows what it refuses');
  }

  test(
    'hostile rows are refused as errors of the client, or taken, and affect no other',
    { timeout: timeoutMs },
    async () => {
      for (let number = 0; number < cases; number += burstSize) {
        const count = Math.min(burstSize, cases - number);
        const rng = rngOf('neighbours of rows', number);
        const requests = Array.from({ length: count }, (_, place) => hostile(number + place));
        await Promise.all([...requests, ...Array.from({ length: 4 }, () => neighbour(rng))]);
      }
      expect(campaign.faults).toEqual([]);
      expect(await sql(world.url, 'select resource, operation from sluice.dead_letter')).toEqual([]);
      const [row] = await sql(
        world.url,
        'select count(*)::integer as count from fuzzed where id > 1000 and int = 5',
      );
      expect(row!['count']).toBe(sound - 1000);
      expect(world.logged()).not.toContain(canary);
      expect(world.logged()).not.toMatch(/"level":(50|60)/);
    },
  );
});
