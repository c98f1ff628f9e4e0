import { expect, test } from 'vitest';
import { hintIdsMax, packLanes, packProvided, unpackLanes, unpackProvided } from './hint.ts';

const lanes = 64;
const ids: [string, string] = [
  '00000000-0000-7000-8000-000000000001',
  '01234567-89ab-7def-8123-456789abcdef',
];

test('a wakeup names its lanes', () => {
  expect(packLanes([3, 15, 0])).toBe('3,15,0');
  expect(unpackLanes('3,15,0', lanes)).toEqual(new Set([3, 15, 0]));
});

test.each([
  '',
  'garbage',
  '-1',
  '1,,2',
  '1, 2',
  '1e1',
  '١',
  ',',
  '64',
  '1,9999999999999999999999',
  '{"lane":1}',
])('a wakeup with the payload %j names all lanes', (payload) =>
  expect(unpackLanes(payload, lanes)).toBeNull(),
);

test('a hint about changed ids names the lanes of the writes that await them', () => {
  const [payload = ''] = packProvided(ids, [7, 2, 7]);
  expect(unpackProvided(payload, lanes)).toEqual({ ids, lanes: new Set([7, 2]) });
});

test('ids of an older process, or with impossible lanes, may be awaited in any lane', () => {
  const [payload = ''] = packProvided(ids, [7]);
  const older = payload.slice(0, -2);
  for (const text of [older, `${older};`, `${older};x`, `${older};64`])
    expect(unpackProvided(text, lanes)).toEqual({ ids, lanes: null });
});

test('ids and lanes fit into one notification', () => {
  const many = Array.from({ length: hintIdsMax + 1 }, () => ids[1]);
  const all = Array.from({ length: 1024 }, (_, lane) => lane);
  for (const named of [[], all.slice(0, 80), all]) {
    const payloads = packProvided(many, named);
    expect(payloads).toHaveLength(2);
    for (const payload of payloads) expect(payload.length).toBeLessThan(8000);
  }
});
