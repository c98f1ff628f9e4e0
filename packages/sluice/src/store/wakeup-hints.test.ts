import { unpackLanes } from '#protocol';
import { expect, test } from 'vitest';
import { wakeupsOf } from './wakeup-hints.ts';

test('each lane is hinted on its own channel, once', () => {
  expect(wakeupsOf([3, 15, 3])).toEqual([
    ['wakeup_3', 'wakeup_15'],
    ['3', '15'],
  ]);
});

test('lanes that share a channel are hinted together, and always fit into a notification', () => {
  expect(wakeupsOf([1, 65, 2])).toEqual([
    ['wakeup_1', 'wakeup_2'],
    ['1,65', '2'],
  ]);
  const most = 32_768;
  const [channels, payloads] = wakeupsOf(Array.from({ length: most }, (_, lane) => lane));
  expect(channels).toHaveLength(64);
  for (const payload of payloads) expect(payload.length).toBeLessThan(8000);
  expect(payloads.flatMap((payload) => [...(unpackLanes(payload, most) ?? [])])).toHaveLength(most);
});
