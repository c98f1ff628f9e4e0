// Ids instead of npm's `uuid`: of the seed's time and random numbers, so that a seed has the same ones each time.

import { clock } from './clock.ts';

export const v7 = (): string => clock.id();
export const v4 = v7;
export function v5(): string {
  throw new Error('Cannot make a UUIDv5 here: referentialIds are made by packages/sluice/src/model');
}
