// The site draws the diagrams of its pages with this script, in a browser.

import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { useBrowser } from '../support/browser.ts';
import { blocksOf, placeOf } from '../support/documents.ts';

const browser = useBrowser();
const script = createRequire(new URL('../../packages/site/package.json', import.meta.url)).resolve(
  '@mermaid-js/tiny',
);

test('Mermaid draws each diagram of the documents', async () => {
  const diagrams = blocksOf('mermaid').map((block) => ({ place: placeOf(block), text: block.text }));
  expect(diagrams.length).toBeGreaterThan(5);
  const page = await browser.open({});
  await page.addScriptTag({ path: script });
  const faults = await page.evaluate<string[]>(`(async () => {
    const faults = [];
    for (const [index, { place, text }] of ${JSON.stringify(diagrams)}.entries())
      await mermaid.render('diagram-' + index, text).catch((error) => faults.push(place + ': ' + error.message));
    return faults;
  })()`);
  expect(faults).toEqual([]);
});
