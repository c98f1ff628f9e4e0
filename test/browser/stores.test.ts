// The operators' pages of several data stores, with authentication: what a visitor with rights for one of them sees.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { useBrowser } from '../support/browser.ts';
import { openPage } from '../support/dashboard.ts';
import { createDatabase, useDatabase } from '../support/database.ts';
import { createIssuer } from '../support/issuer.ts';
import { databaseUrl } from '../support/postgres.ts';
import { startSluice } from '../support/sluice.ts';
import { sluiceProgram } from '../support/sluice-program.ts';

const database = useDatabase();
const browser = useBrowser();
/** The browser reports each answer that is no success. */
const refused = /Failed to load resource/;

async function logIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('API key or token').fill(token);
  await page.getByRole('button', { name: 'Continue' }).click();
}

async function choose(page: Page, store: string): Promise<void> {
  await page.getByLabel('Name of the data store').fill(store);
  await page.getByRole('button', { name: 'Continue' }).click();
}

test('a visitor names a store, logs in to it alone, and changes to another; trouble of a store is told in words', async () => {
  const [other, issuer, folder] = await Promise.all([
    createDatabase(),
    createIssuer(),
    mkdtemp(join(tmpdir(), 'sluice-pages-')),
  ]);
  onTestFinished(async () => {
    await other.drop();
    await rm(folder, { recursive: true });
  });
  const north = { databaseUrl: database.url };
  const others = {
    '9-odd_name': { databaseUrl: other.url },
    down: { databaseUrl: databaseUrl(database.url, 'no_such_database') },
  };
  const file = join(folder, 'stores.json');
  const write = (stores: object): Promise<void> => writeFile(file, JSON.stringify({ stores }));
  await write({ north, ...others });
  await writeFile(join(folder, 'jwks.json'), issuer.jwks);
  const note = { name: 'Note', endpoint: 'test/notes', identity: ['$.noteId'] };
  await writeFile(join(folder, 'model.json'), JSON.stringify({ project: 'Test', resources: [note] }));
  const jwt = [
    '--jwt-issuer',
    issuer.name,
    '--jwt-audience',
    'sluice',
    '--jwt-jwks',
    join(folder, 'jwks.json'),
  ];
  const model = ['--model', join(folder, 'model.json')];
  const node = [
    'api',
    '--port',
    '0',
    '--stores',
    file,
    '--auth',
    'jwt',
    ...jwt,
    ...model,
    '--config',
    'none',
  ];
  const { url } = await startSluice(node, {}, onTestFinished, sluiceProgram).event('ready');
  const at = (path: string): string => new URL(path, url as string).href;
  const tokenOf = (store: string | string[]): Promise<string> =>
    issuer.sign({ client_id: 'somebody', scope: 'operate', store });

  const page = await openPage(browser, at('/dashboard/'), {}, refused);
  expect(await page.content()).not.toMatch(/north|odd_name/);
  await choose(page, '"><b>west');
  await page.getByRole('alert').getByText('No data store has this name.').waitFor();
  await choose(page, ' north ');
  await page.waitForURL(at('/north/dashboard/'));
  await logIn(page, await tokenOf('9-odd_name'));
  await page.getByRole('alert').waitFor();
  await logIn(page, await tokenOf('north'));
  await page.getByText('live', { exact: true }).waitFor();
  expect(await page.title()).toBe('Overview · north · Sluice');

  // The key of one store is neither sent to another nor lost there.
  await page.getByRole('link', { name: 'north' }).click();
  await choose(page, '9-odd_name');
  await logIn(page, await tokenOf(['9-odd_name', 'down']));
  await page.getByText('live', { exact: true }).waitFor();
  await page.goto(at('/north/dashboard/'));
  await page.getByText('live', { exact: true }).waitFor();

  const visit = await browser.open({});
  onTestFinished(() => visit.close());
  const answer = await visit.goto(at('/down/dashboard/'));
  expect(answer?.status()).toBe(503);
  expect(await visit.getByRole('alert').innerText()).toBe('PostgreSQL cannot be reached.');
  await visit.getByRole('link', { name: 'Data stores' }).click();
  await visit.getByLabel('Name of the data store').waitFor();

  await write(others);
  await page.getByText('No data store has this name.').waitFor();
  await write({ north, ...others });
  await page.getByText('live', { exact: true }).waitFor();
  expect((await visit.goto(at('/west/dashboard/')))?.status()).toBe(404);
  await visit.getByRole('link', { name: 'Data stores' }).waitFor();
}, 120_000);
