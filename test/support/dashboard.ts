// The operators' page for a test: its server on the test's database, and a browser that looks at it.

import { createDashboardServer, type DashboardOptions } from '@sluice/server/dashboard';
import type { ServerOptions } from '@sluice/server/api';
import { Database } from 'sluice/internal/store';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { expect, onTestFinished } from 'vitest';
import type { TestBrowser } from './browser.ts';
import { model } from './model.ts';

export interface RunningDashboard {
  url: string;
  operator: Database;
}

export async function startDashboard(
  databaseUrl: string,
  options: Partial<DashboardOptions & Pick<ServerOptions, 'auth' | 'basePath'>> = {},
): Promise<RunningDashboard> {
  const { auth, basePath = '', ...dashboard } = options;
  const operator = new Database({ url: databaseUrl, applicationName: 'sluice test', connectionsMax: 3 });
  const server = createDashboardServer(
    { database: operator, model, isReadOnly: false, intervalMs: 50, ...dashboard },
    { auth, basePath },
  );
  onTestFinished(async () => {
    await server.close();
    await operator.close();
  });
  const address = await server.listen({ port: 0, host: '127.0.0.1' });
  return { url: `${address}${basePath}/dashboard/`, operator };
}

/**
 * A page in a window of its own. At the end of the test the browser must have had nothing to complain about.
 * @param expected Complaints that belong to the test, e.g. of an answer 401.
 */
export async function openPage(
  browser: TestBrowser,
  url: string,
  context: BrowserContextOptions = {},
  expected: RegExp | null = null,
): Promise<Page> {
  const page = await browser.open({ viewport: { width: 1440, height: 900 }, ...context });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && expected?.test(message.text()) !== true)
      complaints.push(message.text());
  });
  onTestFinished(async () => {
    await page.close();
    expect(complaints).toEqual([]);
  });
  await page.goto(url);
  return page;
}
