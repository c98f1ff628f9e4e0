// What simulated clients write: the things of the chaos runs.

import { readFileSync } from 'node:fs';
import { parseModel } from 'sluice/model';

export const model = parseModel(
  JSON.parse(readFileSync(new URL('../chaos/model.json', import.meta.url), 'utf8')) as unknown,
);
export const resource = model.findEndpoint('chaos/things')!;
