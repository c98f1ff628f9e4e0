// The operators' page as an operator has it: in a browser, on a deployment in which things happen.

import { Authenticator, createApiKey } from '@sluice/server/api';
import { readAudit } from 'sluice/operator';
import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useBrowser } from '../support/browser.ts';
import { hostile, poison } from '../support/dashboard-scene.ts';
import { openPage, startDashboard } from '../support/dashboard.ts';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { enrolment, fresh, startWorld, upsert, type World, type WorldOptions } from '../support/world.ts';

const database = useDatabase();
const browser = useBrowser();

async function setup(options: WorldOptions = {}): Promise<World> {
  const world = await startWorld(database.url, options);
  onTestFinished(async () => {
    await world.sql('truncate sluice.intake, sluice.awaited, sluice.dead_letter');
    await world.sql('update sluice.lane set paused_at = null, paused_by = null');
  });
  return world;
}

/** Dead letters of these clients, all there. */
async function makeDeadLetters(world: World, clients: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const client of clients)
    ids.push(
      (await world.node.accept(upsert('notes', { noteId: fresh(), poison: hostile }, { client }))).writeId,
    );
  await eventually(async () =>
    expect(await world.sql('select from sluice.dead_letter')).toHaveLength(clients.length),
  );
  return ids;
}

const rowOf = (page: Page, name: string) => page.getByRole('row', { name });
const press = (page: Page, name: string | RegExp) => page.getByRole('button', { name }).click();
const inDialog = (page: Page) => page.getByRole('dialog');

describe('the page', () => {
  test('the page shows without delay that a lane has lost its leader, and that it has one again', async () => {
    const world = await setup();
    const { url } = await startDashboard(database.opsUrl);
    const page = await openPage(browser, url);
    const tile = page.locator('.tile', { hasText: 'Lanes without leader' });
    await eventually(async () => expect(await tile.innerText()).toContain('0\nof 16'));
    await world.writers[0]!.stop();
    await eventually(async () => expect(await tile.innerText()).toContain('16\nof 16'));
    const lane = page.getByRole('table', { name: 'Lanes' }).getByRole('row').nth(1);
    expect(await lane.innerText()).toContain('no leader');
    // What is there to be heard, too.
    expect(await page.locator('#news').innerText()).toBe('Lanes without a leader: 16.');
    await world.startWriter();
    await eventually(async () => expect(await lane.innerText()).toContain('led'));
  });

  test('the page shows why a write waits, what it waits for, and that it no longer waits', async () => {
    const world = await setup();
    const { url } = await startDashboard(database.opsUrl);
    const [enrolmentId, schoolId] = [fresh(), fresh()];
    const page = await openPage(browser, `${url}#/stuck`);
    await page.getByText('No waiting write and no dead letter matches.').waitFor();
    const { writeId } = await world.node.accept(
      upsert('enrolments', enrolment(enrolmentId, schoolId), { waitForReferencesSeconds: 600 }),
    );
    const row = rowOf(page, writeId);
    await row.waitFor();
    expect(await row.innerText()).toContain(
      `It waits for School (schoolId=${schoolId}), which has not been submitted.`,
    );
    await row.getByRole('link', { name: writeId }).click();
    const graph = page.getByRole('group', { name: '1 link, 1 step deep' });
    expect(await graph.textContent()).toContain(`School schoolId=${schoolId}`);
    await world.submit(upsert('schools', { schoolId }));
    await page.getByText('It is created.').waitFor();
    await page.goto(`${url}#/stuck`);
    await page.getByText('No waiting write and no dead letter matches.').waitFor();
  });

  test('the page shows the table and the key of a row, and the row itself on request', async () => {
    const world = await setup();
    await world.sql('create table customer (id bigint primary key)');
    await world.sql(`insert into sluice.target values ('public.customer', 'table', '{id}')`);
    // No writer of this deployment has the target.
    const [row] = await world.sql(`select sluice.submit('customer', '[{"id": 7}, {"id": 8}]') as id`);
    const { url } = await startDashboard(database.opsUrl);
    const page = await openPage(browser, `${url}#/write/${String(row!['id'])}`);
    const facts = page.locator('.facts').first();
    await eventually(async () => expect(await facts.innerText()).toContain('id=7, the first of 2 rows'));
    expect(await facts.innerText()).toContain('public.customer');
    expect(await page.getByText(/document/i).count()).toBe(0);
    await press(page, 'Show the row');
    await eventually(async () => expect(await page.locator('pre').innerText()).toContain('"id": 8'));
  });

  test('the page does not change while it is paused, and then shows the present state', async () => {
    const world = await setup();
    const { url } = await startDashboard(database.opsUrl);
    const page = await openPage(browser, url);
    const tile = page.locator('.tile', { hasText: 'Lanes without leader' });
    await eventually(async () => expect(await tile.innerText()).toContain('0\nof 16'));
    await press(page, 'Pause updates');
    await page.getByText('paused', { exact: true }).waitFor();
    await world.writers[0]!.stop();
    await eventually(async () => {
      const [row] = await world.sql('select count(*)::integer as led from sluice.lane_status where is_led');
      expect(row).toEqual({ led: 0 });
    });
    expect(await tile.innerText()).toContain('0\nof 16');
    await press(page, 'Continue updates');
    await eventually(async () => expect(await tile.innerText()).toContain('16\nof 16'));
  });

  test('the page finds a write by its id, by its document and by its Idempotency-Key', async () => {
    const world = await setup();
    const { url } = await startDashboard(database.opsUrl);
    const { documentId } = await world.submit(
      upsert('notes', { noteId: fresh() }, { client: 'loader', idempotencyKey: `key ${hostile}` }),
    );
    // A new document has the id of the write that made it.
    const writeId = documentId!;
    const blocked = await world.node.accept(
      upsert('enrolments', enrolment(fresh(), fresh()), { waitForReferencesSeconds: 600 }),
    );
    const page = await openPage(browser, `${url}#/stuck`);
    const seek = async (text: string, found: string): Promise<void> => {
      await page.goto(`${url}#/stuck`);
      await page.getByLabel('Find a write').fill(text);
      await press(page, 'Find');
      await page.getByRole('heading', { name: `Write ${found}` }).waitFor();
      expect(page.url()).toBe(`${url}#/write/${found}`);
    };
    await seek(writeId, writeId);
    await seek(`key ${hostile}`, writeId);
    const [waits] = await world.sql('select referential_id from sluice.intake where write_id = $1', [
      blocked.writeId,
    ]);
    await seek(String(waits!['referential_id']), blocked.writeId);
    await page.goto(`${url}#/stuck?find=nothing`);
    await page.getByText('No write has this id or key').waitFor();
  });
});

describe('dead letters', () => {
  test('the page retries one dead letter at a time, after a confirmation, and removes it from the list', async () => {
    const world = await setup();
    const cure = await poison(world);
    const [first, second] = await makeDeadLetters(world, ['a', 'b']);
    await cure();
    const { url } = await startDashboard(database.opsUrl);
    const page = await openPage(browser, `${url}#/stuck?reason=dead_letter`);
    await rowOf(page, first!).getByRole('checkbox').check();
    await press(page, 'Retry selected');
    await inDialog(page).getByRole('button', { name: 'Cancel' }).click();
    expect(await world.sql('select from sluice.dead_letter')).toHaveLength(2);
    await press(page, 'Retry selected');
    await inDialog(page).getByRole('button', { name: 'Retry' }).click();
    await inDialog(page).getByText('1 write retried').waitFor();
    await inDialog(page).getByRole('link').click();
    await page.getByText('It is created.').waitFor();
    await page.goto(`${url}#/stuck?reason=dead_letter`);
    await rowOf(page, second!).waitFor();
    expect(await rowOf(page, first!).count()).toBe(0);
  });

  test('the page discards all dead letters that match a filter, and no others', async () => {
    const world = await setup();
    await poison(world);
    await makeDeadLetters(world, ['a', 'b', 'a']);
    const { url, operator } = await startDashboard(database.opsUrl);
    const page = await openPage(browser, `${url}#/stuck`);
    await page.getByLabel('Client').fill('a');
    await press(page, /^Filter$/);
    await page.getByText('2 writes, the oldest first').waitFor();
    await press(page, 'Discard all that match');
    const question = inDialog(page);
    expect(await question.getByRole('heading').innerText()).toBe('Discard 2 writes?');
    await question.getByRole('button', { name: 'Discard' }).click();
    await inDialog(page).getByText('2 writes discarded').waitFor();
    await inDialog(page).getByRole('button', { name: 'Close' }).click();
    await page.getByText('No waiting write and no dead letter matches.').waitFor();
    expect(await world.sql('select client from sluice.dead_letter')).toEqual([{ client: 'b' }]);
    const [entry] = await readAudit(operator);
    expect(entry).toMatchObject({ action: 'discard', writes: 2, actor: 'somebody at 127.0.0.1 (dashboard)' });
  });

  test('dead letters with hostile names and documents are shown as text', async () => {
    const world = await setup();
    await poison(world);
    const [writeId] = await makeDeadLetters(world, [hostile]);
    await world.sql(
      `update sluice.dead_letter set error = jsonb_build_object('code', $1::text, 'table', $1::text)`,
      [hostile],
    );
    await world.sql('update sluice.dead_letter set resource = $1', [hostile]);
    const { url } = await startDashboard(database.opsUrl);
    const page = await openPage(
      browser,
      `${url}#/stuck?client=${encodeURIComponent(hostile)}`,
      {},
      /TrustedHTML/,
    );
    const row = rowOf(page, writeId!);
    await row.waitFor();
    expect(await row.innerText()).toContain(hostile);
    await row.getByRole('link', { name: writeId! }).click();
    await press(page, 'Show the row');
    expect(await page.locator('pre').innerText()).toContain(JSON.stringify(hostile));
    await page.goto(`${url}#/stuck?find=${encodeURIComponent(hostile)}`);
    await page.getByText(`no write`, { exact: false }).first().waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).toContain('Sluice');
    // The policy also stops markup that a defect of the page would insert.
    const tried = page.evaluate(`document.body.innerHTML = ${JSON.stringify(hostile)}`);
    await expect(tried).rejects.toThrow(/TrustedHTML/);
  });
});

describe('a read-only page', () => {
  test('a read-only page offers no action that changes anything, and its server refuses each', async () => {
    const world = await setup();
    await poison(world);
    const [writeId] = await makeDeadLetters(world, ['a']);
    const { url } = await startDashboard(database.opsUrl, { isReadOnly: true });
    const page = await openPage(browser, url, {}, /403/);
    await page.getByText('read-only').waitFor();
    await page.getByRole('table', { name: 'Lanes' }).getByRole('row').nth(16).waitFor();
    expect(
      await page.getByRole('button', { name: /^(Pause|Resume|Drain) (lane|writer|these)/ }).count(),
    ).toBe(0);
    await page.goto(`${url}#/write/${writeId}`);
    await page.getByText('Dead letter since', { exact: true }).waitFor();
    expect(await page.getByRole('button', { name: /Retry|Discard/ }).count()).toBe(0);
    for (const action of ['retry', 'discard', 'pause', 'resume', 'drain']) {
      const status = await page.evaluate(
        async ([action, id]) =>
          (
            await fetch(action!, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({ target: { writeIds: [id] }, lanes: [0], writer: 'any' }),
            })
          ).status,
        [action, writeId],
      );
      expect({ action, status }).toEqual({ action, status: 403 });
    }
    expect(await world.sql('select from sluice.dead_letter')).toHaveLength(1);
  });
});

describe('by the keyboard alone', () => {
  test('with the keyboard alone, a user finds a lane, pauses it after a question, and resumes it', async () => {
    const world = await setup();
    const { url } = await startDashboard(database.opsUrl);
    const page = await openPage(browser, url);
    await page.getByRole('table', { name: 'Lanes' }).getByRole('row').nth(16).waitFor();
    const focused = () => page.evaluate<string>('document.activeElement.textContent');
    const isPaused = async () => {
      const [row] = await world.sql(
        'select paused_at is not null as is_paused from sluice.lane where lane = 0',
      );
      return row!['is_paused'];
    };
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    for (let steps = 0; (await focused()) !== 'Pause'; steps++) {
      expect(steps).toBeLessThan(60);
      await page.keyboard.press('Tab');
    }
    expect(await page.evaluate("document.activeElement.getAttribute('aria-label')")).toBe('Pause lane 0');
    await page.keyboard.press('Enter');
    await inDialog(page).waitFor();
    expect(await focused()).toBe('Cancel');
    await page.keyboard.press('Escape');
    await inDialog(page).waitFor({ state: 'detached' });
    expect(await isPaused()).toBe(false);
    // Back where one was, though the table has changed meanwhile.
    expect(await focused()).toBe('Pause');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Pause');
    await page.keyboard.press('Enter');
    await eventually(async () => expect(await focused()).toBe('Resume'));
    expect(await isPaused()).toBe(true);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await eventually(async () => expect(await isPaused()).toBe(false));
  });
});

describe('where clients are asked who they are', () => {
  const keyOf = (client: string, scopes: string[]) => ({
    ...createApiKey(),
    client,
    scopes,
    secondsLeft: null,
  });

  test('the page asks for a key, keeps it for this tab only, and shows what the key may see', async () => {
    const world = await setup();
    await poison(world);
    const [writeId] = await makeDeadLetters(world, ['a']);
    const keys = [
      keyOf('loader', ['write:*']),
      keyOf('alice', ['operate']),
      keyOf('bob', ['operate', 'bodies']),
    ];
    const auth = new Authenticator({ keys: { readKeys: async () => keys, maxAgeMs: 0 }, tokens: null });
    const { url, operator } = await startDashboard(database.opsUrl, { auth, basePath: '/operators' });
    const page = await openPage(browser, url, {}, /40[13]/);
    const enter = async (text: string): Promise<void> => {
      await page.getByLabel('API key or token').fill(text);
      await press(page, 'Continue');
    };
    await enter(createApiKey().text);
    await page.getByRole('alert').getByText('The bearer token is not valid.').waitFor();
    await enter(keys[0]!.text);
    await page.getByRole('alert').getByText('This needs the scope operate.').waitFor();
    await enter(keys[1]!.text);
    await page.getByRole('table', { name: 'Lanes' }).waitFor();
    await page.goto(`${url}#/write/${writeId}`);
    await page.getByText('The scope bodies is needed').waitFor();
    const status = await page.evaluate(
      async ([id, key]) =>
        (await fetch(`writes/${id}/body`, { headers: { authorization: `Bearer ${key}` } })).status,
      [writeId, keys[1]!.text],
    );
    expect(status).toBe(403);

    await press(page, 'Log out');
    await enter(keys[2]!.text);
    await press(page, 'Show the document');
    expect(await page.locator('pre').innerText()).toContain('"poison"');
    expect(await readAudit(operator, { limit: 1 })).toMatchObject([
      { action: 'show body', actor: 'bob (dashboard)', writeIds: [writeId] },
    ]);
    await press(page, 'Hide the document');
    expect(await page.locator('pre').count()).toBe(0);
    expect(await page.context().cookies()).toEqual([]);
    expect(await page.evaluate('localStorage.length')).toBe(0);

    // Whose key is revoked is asked again.
    keys.pop();
    await page.reload();
    await page.getByLabel('API key or token').waitFor();
  });
});

describe('at a thousand lanes', () => {
  const large = useDatabase();

  test('with a thousand lanes, the page shows fifty at a time, and finds those that matter', async () => {
    const { url } = await startDashboard(large.opsUrl);
    const world = {
      sql: (text: string) => import('../support/sql.ts').then(({ sql }) => sql(large.url, text)),
    };
    await world.sql(`insert into sluice.lane (lane) select generate_series(0, 999)`);
    await world.sql(`update sluice.lane set paused_at = now(), paused_by = 'alice' where lane = 777`);
    const page = await openPage(browser, url);
    const rows = page.getByRole('table', { name: 'Lanes' }).locator('tbody tr');
    await page.getByText('1–50 of 1,000').waitFor();
    expect(await rows.count()).toBe(50);
    await press(page, 'Next');
    await page.getByText('51–100 of 1,000').waitFor();
    expect(await rows.first().innerText()).toMatch(/^50\s/);
    await page.getByLabel('Lanes shown').selectOption('paused lanes');
    await eventually(async () => expect(await rows.count()).toBe(1));
    expect(await rows.first().innerText()).toMatch(/^777\s.*paused/);
  });
});
