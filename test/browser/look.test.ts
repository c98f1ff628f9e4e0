// How the page looks and reads: in wide and narrow windows, by day and by night, and to assistive technology. With
// UPDATE_SCREENSHOTS=1 the pictures in docs/dashboard are taken anew.

import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isWide } from '../support/breadth.ts';
import { useBrowser } from '../support/browser.ts';
import { makeScene } from '../support/dashboard-scene.ts';
import { openPage, startDashboard } from '../support/dashboard.ts';
import { useDatabase } from '../support/database.ts';
import { startWorld } from '../support/world.ts';

const database = useDatabase();
const pictures = fileURLToPath(new URL('../../docs/dashboard/', import.meta.url));
const isUpdating = Boolean(process.env['UPDATE_SCREENSHOTS']);
const browser = useBrowser();

const windows = [
  { name: 'wide', width: 1440, height: 1000 },
  { name: 'narrow', width: 390, height: 844 },
] as const;
const schemes = ['dark', 'light'] as const;
/** Pictures that docs/dashboard.md shows. */
const kept = new Set([
  'overview-wide-light',
  'overview-wide-dark',
  'overview-narrow-light',
  'stuck-wide-light',
  'write-wide-light',
  'dead-letters-narrow-dark',
]);

describe('the page', () => {
  test.runIf(isWide || isUpdating)(
    'the page fits, and has names, labels and contrast, in every window and scheme',
    async () => {
      const world = await startWorld(database.url, { writers: 2 });
      const { url, operator } = await startDashboard(database.opsUrl);
      const { chained, circular } = await makeScene(world, operator);
      const parts: [name: string, hash: string, ready: string][] = [
        ['overview', '#/', '.plots svg'],
        ['stuck', '#/stuck', 'tbody tr'],
        ['dead-letters', '#/stuck?reason=dead_letter', 'tbody tr'],
        ['write', `#/write/${chained}`, '.graph svg'],
        ['cycle', `#/write/${circular}`, '.graph svg'],
        ['actions', '#/actions', 'tbody tr'],
      ];
      const faults: unknown[] = [];
      for (const { name: window, width, height } of windows) {
        for (const colorScheme of schemes) {
          const page = await openPage(browser, url, { viewport: { width, height }, colorScheme });
          for (const [part, hash, ready] of parts) {
            await page.goto(url + hash);
            await page.locator(ready).first().waitFor();
            await page.locator('.connection.live').waitFor();
            const where = `${part}-${window}-${colorScheme}`;
            faults.push(...(await faultsOf(page)).map((fault) => ({ where, ...fault })));
            if (isUpdating && kept.has(where)) await page.screenshot({ path: `${pictures}${where}.png` });
          }
        }
      }
      expect(faults).toEqual([]);
    },
    240_000,
  );
});

/** What a person would stumble over: what axe finds, and a page that has to be pushed sideways. */
async function faultsOf(page: Page): Promise<object[]> {
  const overflow = await page.evaluate<number>(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  // By the debugger, as the page's own policy takes no other scripts.
  const { violations } = (await page.evaluate(`${axe.source}; axe.run()`)) as axe.AxeResults;
  return [
    ...(overflow > 0 ? [{ fault: 'wider than its window', overflow }] : []),
    ...violations.map(({ id, help, nodes }) => ({ fault: id, help, nodes: nodes.map(({ html }) => html) })),
  ];
}
