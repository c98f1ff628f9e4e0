// Every role that may connect to the database may notify: Sluice believes no notification, and a false one does no harm.

import { describe, expect, test } from 'vitest';
import { openConnection, sql } from '../support/sql.ts';
import { Campaign, casesOf, rngOf, within } from './campaign.ts';
import { useFuzzWorld } from './fuzz-world.ts';
import type { Rng } from '../chaos/rng.ts';

function payload(rng: Rng): string {
  const base64 = (bytes: number): string =>
    Buffer.from(Array.from({ length: bytes }, () => rng.int(0, 255))).toString('base64url');
  return rng
    .pick([
      () => '',
      () => 'x'.repeat(rng.int(1, 7_999)),
      () => 'é'.repeat(rng.int(1, 3_999)),
      () => base64(rng.int(1, 5_900)),
      // Sound ids that nobody has.
      () => base64(16 * rng.int(1, 350)).replaceAll(/[=]/g, ''),
      () =>
        rng.pick([
          'null',
          '{}',
          '{"a":',
          '__proto__',
          "'; drop",
          '\u0001\u007f\u2028',
          '00000000-0000-0000-0000-000000000000',
          '-1',
          '\ufeff',
        ]),
      () => Array.from({ length: rng.int(1, 300) }, () => base64(16)).join(rng.pick(['', ',', ' '])),
    ])()
    .slice(0, 7_999);
}

describe('forged hints', () => {
  const campaign = new Campaign('forged hints');
  const world = useFuzzWorld();
  const { cases, timeoutMs } = casesOf(0.04);

  test('forged hints are ignored while writes go on', { timeout: timeoutMs }, async () => {
    const forger = await openConnection(world.url);
    const node = world.nodes.coordinated;
    const post = (code: string, headers: Record<string, string> = {}, document: object = { code }) =>
      node.inject({
        method: 'POST',
        url: `/data/fuzz/${'others' in document ? 'members' : 'things'}`,
        headers: { 'content-type': 'application/json', ...headers },
        payload: JSON.stringify(document),
      });
    // A write that waits for what nobody submits tells the number of the node's own channel.
    const blocked = { code: 'blocked', others: [{ pairReference: { first: 'never', second: 'there' } }] };
    await post('blocked', { prefer: 'respond-async, wait-for-references=600' }, blocked);
    const [row] = await sql(world.url, 'select node from sluice.intake limit 1');
    const channels = [
      'sluice_wakeup',
      'sluice_wakeup_3',
      'sluice_provided',
      `sluice_node_${String(row?.['node'])}`,
      'sluice_nobody',
    ];

    const flood = 50;
    for (let number = 0; number < cases; number += flood) {
      const rng = rngOf('hints', number);
      const sent = Array.from({ length: flood }, () => [rng.pick(channels), payload(rng)]);
      const [, ...answers] = await within(
        60_000,
        `hints ${number}`,
        Promise.all([
          forger.query(
            'select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as h (channel, payload)',
            [sent.map(([channel]) => channel), sent.map(([, text]) => text)],
          ),
          ...Array.from({ length: 3 }, (_, index) => post(`h-${number}-${index}`)),
        ]),
      );
      campaign.count('forged hints', 'refused', flood);
      for (const { statusCode, body } of answers) {
        campaign.count('writes meanwhile', 'accepted');
        if (statusCode !== 201)
          campaign.fault('forged hints', number, `a write got ${statusCode} ${body}`, JSON.stringify(sent));
      }
    }
    expect(campaign.faults).toEqual([]);
    // Nobody was taken in: what waited waits.
    const [left] = await sql(
      world.url,
      'select count(*)::int as writes from sluice.intake where blocked_at is not null',
    );
    expect(left).toEqual({ writes: 1 });
    expect(world.logged()).not.toMatch(/"level":(40|50|60)/);
  });
});
