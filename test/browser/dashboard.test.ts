// The operators' page as an operator has it: in a browser, on a deployment in which things happen.

import { createDashboardServer, type DashboardOptions } from '@sluice/dashboard';
import { Database } from '@sluice/store';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startBrowser } from '../support/browser.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { model } from '../support/model.ts';
import { enrolment, fresh, startWorld, upsert } from '../support/world.ts';

const database = useDatabase();
let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

async function startDashboard(options: Partial<DashboardOptions> = {}): Promise<string> {
  const operator = new Database({ url: database.url, applicationName: 'sluice test', connectionsMax: 3 });
  const server = createDashboardServer(
    { database: operator, model, isReadOnly: false, intervalMs: 50, ...options },
    {},
  );
  onTestFinished(async () => {
    await server.close();
    await operator.close();
  });
  return `${await server.listen({ port: 0 })}/dashboard/`;
}

/** A page, and whatever the browser complained about on it. */
async function openPage(url: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  onTestFinished(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });
  await page.goto(url);
  return page;
}

describe('the page', () => {
  test('shows at once that a lane has lost its leader, and that it has one again', async () => {
    const world = await startWorld(database.url);
    const page = await openPage(await startDashboard());
    const tile = page.locator('.tile', { hasText: 'Lanes without leader' });
    await eventually(async () => expect(await tile.innerText()).toContain('0\nof 16'));
    await world.writers[0]!.stop();
    await eventually(async () => expect(await tile.innerText()).toContain('16\nof 16'));
    const lane = page.getByRole('table', { name: 'Lanes' }).getByRole('row').nth(1);
    expect(await lane.innerText()).toContain('no leader');
    await world.startWriter();
    await eventually(async () => expect(await lane.innerText()).toContain('led'));
  });

  test('shows why a write waits, and that it no longer does', async () => {
    const world = await startWorld(database.url);
    const url = await startDashboard();
    const [enrolmentId, schoolId] = [fresh(), fresh()];
    const page = await openPage(`${url}#/stuck`);
    await eventually(async () =>
      expect(await page.getByRole('status').first().innerText()).toContain('No write waits'),
    );
    const { writeId } = await world.node.accept(
      upsert('enrolments', enrolment(enrolmentId, schoolId), { waitForReferencesSeconds: 600 }),
    );
    const row = page.getByRole('row', { name: writeId });
    await row.waitFor();
    expect(await row.innerText()).toContain(
      `It waits for School (schoolId=${schoolId}), which has not been submitted.`,
    );
    await world.submit(upsert('schools', { schoolId }));
    await row.waitFor({ state: 'detached' });
  });
});
