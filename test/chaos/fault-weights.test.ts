import { expect, test } from 'vitest';
import { faultProfiles, parseWeights } from './fault-weights.ts';

test('faults are chosen by name and weight, and the crashes of the server by one name', () => {
  expect(parseWeights('killWriter=6,freezeWriter=2,restart=1')).toEqual({
    killWriter: 6,
    freezeWriter: 2,
    killPostgres: 1,
    restartPostgresImmediate: 1,
    restartPostgresFast: 1,
  });
});

test.each([
  'killEverybody=1',
  'killWriter',
  'killWriter=-1',
  'killWriter=1.5',
  'killWriter=0',
  'toString=1',
  '',
])('a wrong choice of faults is reported: %s', (text) => {
  expect(() => parseWeights(text)).toThrow(/^Cannot weigh the faults: /);
});

test('every profile has every kind of fault', () => {
  for (const profile of Object.values(faultProfiles)) {
    expect(Object.keys(profile).sort()).toEqual(Object.keys(faultProfiles.usual).sort());
    expect(Math.min(...Object.values(profile))).toBeGreaterThan(0);
  }
});
