// Moves of a data store that do not end well: killed at each step, by the wrong role, beside other changes.

import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listLanes, pauseLanes, resumeLanes } from 'sluice/operator';
import { agree, Database, fenceStore, lockKeysOf, schemaVersion, StoreCopy } from 'sluice/internal/store';
import type pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { giveBack } from '../../packages/server/src/cli/stores/give-back.ts';
import { moveStore, type MoveOptions } from '../../packages/server/src/cli/stores/move-store.ts';
import { readStores } from '../../packages/server/src/cli/stores/stores-file.ts';
import { readHere, runHere } from '../support/run-here.ts';
import { openConnection, sql } from '../support/sql.ts';

interface Scene {
  source: TestDatabase;
  target: TestDatabase;
  operator: Database;
  file: string;
  /** Of the store in the file. */
  entry: () => Promise<unknown>;
  change: (entry: unknown) => Promise<void>;
  move: (...args: string[]) => Promise<void>;
  /** @throws unless the source takes writes, and the file says so */
  isOpen: () => Promise<void>;
}

async function setup(): Promise<Scene> {
  const [source, target] = await Promise.all([createDatabase(), createDatabase()]);
  const operator = new Database({ url: source.url, applicationName: 'test' });
  const folder = await mkdtemp(join(tmpdir(), 'sluice-moves-'));
  onTestFinished(async () => {
    await operator.close();
    await Promise.all([source.drop(), target.drop(), rm(folder, { recursive: true })]);
  });
  await agree(operator, { lanes: 2, modelHash: 'a model', projections: [], targets: '' });
  const file = join(folder, 'stores.json');
  await writeFile(join(folder, 'source.url'), source.url);
  await writeFile(join(folder, 'target.url'), target.url);
  const change = (own: unknown): Promise<void> => writeFile(file, JSON.stringify({ stores: { own } }));
  await change({ databaseUrlFile: 'source.url' });
  const entry = async (): Promise<unknown> =>
    (JSON.parse(await readFile(file, 'utf8')) as { stores: Record<string, unknown> }).stores['own'];
  return {
    source,
    target,
    operator,
    file,
    entry,
    change,
    move: (...args) => runHere(['stores', 'move', 'own', '--stores', file, '--file-delay', '1s', ...args]),
    async isOpen() {
      expect(await entry()).toEqual({ databaseUrlFile: 'source.url' });
      const paused = await sql(source.url, 'select lane from sluice.lane where paused_at is not null');
      expect(paused).toEqual([]);
      const fences = await sql(source.url, `select from pg_constraint where conname = 'store_has_moved'`);
      expect(fences).toEqual([]);
    },
  };
}

/** Moves the store to the target, as the command does. */
function moveOwn({ target, file }: Scene, more: Partial<MoveOptions>): ReturnType<typeof moveStore> {
  const from = readStores(file).get('own')!;
  return moveStore({
    file,
    from,
    to: { ...from, url: target.url, listenUrl: target.url, operatorUrl: target.url },
    entryAfter: () => ({ databaseUrlFile: 'target.url' }),
    waitMs: 10_000,
    fileReadMs: 0,
    editWaitMs: 0,
    onStep: () => undefined,
    onProgress: () => undefined,
    signal: new AbortController().signal,
    ...more,
  });
}

const steps = [
  'the mark in the file',
  'the pause',
  'the closing of the source',
  'the commit of the copy',
  'the draft of the file with the new place',
];

test.each(steps)('`--abort` opens a store again whose move was killed after %s', async (last) => {
  const { source, target, operator, file, change, move, isOpen } = await setup();
  const toTarget = ['--to-file', 'target.url'];
  const count = steps.indexOf(last) + 1;
  await change({ databaseUrlFile: 'source.url', moving: true });
  const [first = { lane: -1 }, ...others] = await listLanes(operator);
  // An operator's own pause stays.
  await pauseLanes(operator, [first.lane], 'somebody');
  const byMove = 'somebody (sluice stores move)';
  if (count > 1)
    await pauseLanes(
      operator,
      others.map(({ lane }) => lane),
      byMove,
    );
  if (count > 2) await fenceStore({ url: source.url, schema: 'sluice' });
  if (count > 3) {
    const copy = await StoreCopy.open(source.url, target.url, 'sluice');
    await copy.copy(() => undefined);
    await copy.verify();
    await copy.commit();
    await copy.close();
  }
  const moved = JSON.stringify({ stores: { own: { databaseUrlFile: 'target.url' } } });
  if (count > 4) await writeFile(`${file}.new`, moved);
  const again = count > 2 ? 'a move has closed its tables' : 'it is marked as moving already';
  await expect(move(...toTarget)).rejects.toThrow(again);
  await move('--abort');
  const paused = await sql(source.url, 'select lane from sluice.lane where paused_at is not null');
  expect(paused).toEqual([{ lane: first.lane }]);
  await sql(source.url, 'update sluice.lane set paused_at = null, paused_by = null');
  await isOpen();
  expect(existsSync(`${file}.new`)).toBe(false);
});

test('`--abort` leaves the draft of another command, and says since when it is there', async () => {
  const { file, change, move, entry } = await setup();
  await change({ databaseUrlFile: 'source.url', moving: true });
  const { stores } = JSON.parse(await readFile(file, 'utf8')) as { stores: Record<string, unknown> };
  const drafts = [
    '',
    JSON.stringify({ stores: { ...stores, other: { databaseUrl: 'postgres://h/d' } } }),
    JSON.stringify({
      stores: { own: { databaseUrlFile: 'target.url' }, other: { databaseUrl: 'postgres://h/d' } },
    }),
  ];
  for (const draft of drafts) {
    await writeFile(`${file}.new`, draft);
    const from = readStores(file).get('own')!;
    await expect(giveBack(file, from, { isAlone: true, editWaitMs: 0 })).rejects.toThrow(
      /another command edits it since 2.*; if none does, remove .*stores\.json\.new$/,
    );
    expect(await readFile(`${file}.new`, 'utf8')).toBe(draft);
    expect(await entry()).toMatchObject({ moving: true });
  }
  await rm(`${file}.new`);
  await move('--abort');
});

test('a change of the stores file and its name are on disk when the command ends', async () => {
  const { file, change } = await setup();
  await change({ databaseUrlFile: 'source.url' });
  const handle = await open(file, 'r');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  // oxlint-disable-next-line typescript/unbound-method
  const sync = prototype.sync;
  const synced: string[] = [];
  const spy = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    synced.push((await this.stat()).isDirectory() ? 'folder' : 'file');
    return sync.call(this);
  });
  onTestFinished(() => spy.mockRestore());
  await runHere(['stores', 'add', 'other', '--database-url', 'postgres://h/d', '--stores', file]);
  expect(synced).toEqual(['file', 'folder']);
});

test('a move takes longer than the time limits of its URLs, and API keys stay as they are while it copies', async () => {
  const scene = await setup();
  const { source, target, file, entry } = scene;
  const limits = '?query_timeout=1000&statement_timeout=1000&lock_timeout=1000';
  for (const [name, { url }] of Object.entries({ source, target }))
    await writeFile(join(file, '..', `${name}.url`), `${url}${limits}`);
  const inStore = ['--store', 'own', '--stores', file];
  const made = await readHere(['keys', 'create', '--client', 'loader', '--scopes', 'write:*', ...inStore]);
  const prefix = made.last['prefix'] as string;
  const blocker = await openConnection(target.url);
  await blocker.query('begin; lock table sluice.alias in share mode');
  const moving = scene.move('--to-file', 'target.url');
  const waiting = `select from pg_stat_activity where datname = current_database() and application_name = 'sluice move' and wait_event_type = 'Lock'`;
  await Promise.race([
    moving,
    eventually(async () => expect(await sql(target.url, waiting)).toHaveLength(1)),
  ]);
  const revoked = await readHere(['keys', 'revoke', prefix, ...inStore]);
  expect(revoked).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('a move has closed it') as string,
  });
  await blocker.query('select pg_sleep(1.1)');
  await blocker.query('rollback');
  await moving;
  expect(await entry()).toEqual({ databaseUrlFile: 'target.url' });
  const isRevoked = `select revoked_at is not null as is_revoked from sluice.api_key`;
  expect(await sql(target.url, isRevoked)).toEqual([{ is_revoked: false }]);
  expect(await readHere(['keys', 'revoke', prefix, ...inStore])).toMatchObject({ code: 0 });
  expect(await sql(target.url, isRevoked)).toEqual([{ is_revoked: true }]);
});

/** A move whose session at the source ends after the copy. `goOn` lets it go on, and returns its error. */
async function moveWithoutSource(scene: Scene): Promise<{ goOn: () => Promise<Error> }> {
  const draft = `${scene.file}.new`;
  const copied: string[] = [];
  const moving = moveOwn(scene, {
    editWaitMs: 60_000,
    onStep(step) {
      if (step === 'closed the source') writeFileSync(draft, '');
      if (step.startsWith('copied')) copied.push(step);
    },
  }).catch((error: unknown) => error);
  await Promise.race([moving, eventually(async () => expect(copied).toHaveLength(1))]);
  await sql(
    scene.source.url,
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and application_name = 'sluice move'`,
  );
  return {
    async goOn() {
      await rm(draft);
      const error = await moving;
      expect(error).toBeInstanceOf(Error);
      return error as Error;
    },
  };
}

test('a move that has lost its session at the source before its end does not move the store', async () => {
  const scene = await setup();
  const { goOn } = await moveWithoutSource(scene);
  await goOn();
  await scene.isOpen();
  expect(await sql(scene.target.url, 'select from sluice.audit')).toEqual([]);
});

test('a move that has lost its session leaves the source closed for another that has begun there', async () => {
  const scene = await setup();
  const { source, entry, move } = scene;
  const { goOn } = await moveWithoutSource(scene);
  const other = await openConnection(source.url);
  await other.query('select pg_advisory_lock($1, 1)', [lockKeysOf('sluice').migration]);
  const { message } = await goOn();
  expect(message).toContain('run it again with --abort');
  const fences = `select from pg_constraint where conname = 'store_has_moved'`;
  expect(await sql(source.url, fences)).toHaveLength(3);
  expect(await entry()).toMatchObject({ moving: true });
  await other.query('select pg_advisory_unlock_all()');
  await move('--abort');
  await scene.isOpen();
});

test('a role that may not close the tables moves no store, and leaves it open', async () => {
  const { source, change, move } = await setup();
  await change({ databaseUrl: source.opsUrl });
  await expect(move('--to-file', 'target.url')).rejects.toThrow(
    'Cannot move the store: the role of its URL does not own its tables',
  );
  const paused = await sql(source.url, 'select lane from sluice.lane where paused_at is not null');
  expect(paused).toEqual([]);
});

test('a move to a target that cannot be used says so, and leaves the store as it is', async () => {
  const { target, file, isOpen, move } = await setup();
  const poor = new URL(target.opsUrl);
  await sql(target.url, `drop schema sluice cascade`);
  const to = async (url: string): Promise<void> => {
    await writeFile(join(file, '..', 'target.url'), url);
    await move('--to-file', 'target.url');
  };
  await expect(to(poor.href)).rejects.toThrow('Cannot move the store: the role of the target lacks a right');
  poor.pathname = '/no_such_database';
  await expect(to(poor.href)).rejects.toThrow(
    'Cannot move the store: its target cannot be used. Cannot use the database because the server has no database "no_such_database"',
  );
  poor.port = '1';
  await expect(to(poor.href)).rejects.toThrow(
    /^Cannot move the store: its target cannot be used. Cannot reach PostgreSQL/,
  );
  await isOpen();
});

test.each([
  ['is opened again by somebody', { databaseUrlFile: 'source.url' }],
  ['is removed', undefined],
])('a move fails, and opens the source again, if its store %s in the file meanwhile', async (_, changed) => {
  const { source, target, entry, change, move } = await setup();
  const blocker = await openConnection(target.url);
  await blocker.query('begin; lock table sluice.alias in share mode');
  const moving = move('--to-file', 'target.url').catch((error: unknown) => error);
  const waiting = `select from pg_stat_activity where datname = current_database() and application_name = 'sluice move' and wait_event_type = 'Lock'`;
  await eventually(async () => expect(await sql(target.url, waiting)).toHaveLength(1));
  await change(changed);
  await blocker.query('rollback');
  expect(await moving).toMatchObject({
    message: expect.stringContaining('somebody has changed it in the stores file meanwhile') as string,
  });
  expect(await entry()).toEqual(changed);
  const paused = await sql(source.url, 'select lane from sluice.lane where paused_at is not null');
  expect(paused).toEqual([]);
  expect(await sql(source.url, `select from pg_constraint where conname = 'store_has_moved'`)).toEqual([]);
  // The copy was not committed, so the move can be repeated.
  expect(await sql(target.url, 'select from sluice.audit')).toEqual([]);
});

test('a move waits at its end while another command edits the stores file, and commits its copy only then', async () => {
  const scene = await setup();
  const { target, file, entry } = scene;
  const draft = `${file}.new`;
  const copied: string[] = [];
  const moving = moveOwn(scene, {
    editWaitMs: 60_000,
    onStep(step) {
      if (step === 'closed the source') writeFileSync(draft, '');
      if (step.startsWith('copied')) copied.push(step);
    },
  });
  await Promise.race([moving, eventually(async () => expect(copied).toHaveLength(1))]);
  expect(await sql(target.url, 'select from sluice.audit')).toEqual([]);
  await rm(draft);
  expect(await moving).toMatchObject({ heldMs: expect.any(Number) as number });
  expect(await entry()).toEqual({ databaseUrlFile: 'target.url' });
  expect(await sql(target.url, `select action from sluice.audit where action = 'move'`)).toHaveLength(1);
});

/** A move that is stopped while its statement in the source waits for a lock, with locks of its own. */
async function stopInCopy(
  scene: Scene,
  before: () => Promise<void>,
): Promise<{ error: Error; blocker: pg.Client }> {
  const { source } = scene;
  const blocker = await openConnection(source.url);
  await blocker.query('begin; lock table sluice.student_school in access exclusive mode');
  const stop = new AbortController();
  const moving = moveOwn(scene, { signal: stop.signal }).then(
    () => new Error('It was not stopped'),
    (error: unknown) => error as Error,
  );
  const waiting = `select from pg_stat_activity where datname = current_database() and application_name = 'sluice move' and wait_event_type = 'Lock'`;
  await eventually(async () => expect(await sql(source.url, waiting)).toHaveLength(1));
  await before();
  stop.abort();
  return { error: await moving, blocker };
}

test('a move that is stopped during a long statement opens the source before that would have ended', async () => {
  const scene = await setup();
  const { error } = await stopInCopy(scene, () => Promise.resolve());
  expect(error.message).toBe('Stopped before the end: the store stays where it was');
  await scene.isOpen();
}, 15_000);

test('a stopped move that could not open the source says so, and how to open it', async () => {
  const scene = await setup();
  const { error, blocker } = await stopInCopy(scene, () => writeFile(`${scene.file}.new`, ''));
  expect(error.message).toMatch(
    /^Cannot move the store: stopped before the end; run it again with --abort, because .*another command edits it/,
  );
  await blocker.query('rollback');
  await rm(`${scene.file}.new`);
  await scene.move('--abort');
  await scene.isOpen();
}, 15_000);

test('neither `--abort` nor a second move with an old copy of the stores file opens the source of a finished move', async () => {
  const scene = await setup();
  const { source, target, operator, file, change, move } = scene;
  await moveOwn(scene, {});
  const { ino } = await stat(file);
  await expect(move('--abort')).rejects.toThrow(
    new RegExp(
      `^Cannot give up the move: there is no unfinished move, and the store is at [^@]*/${target.name}$`,
    ),
  );
  // A change makes a new file.
  expect(await stat(file)).toMatchObject({ ino });
  await change({ databaseUrlFile: 'source.url' });
  const newTarget = ['--to-file', 'target.url'];
  await expect(move(...newTarget)).rejects.toThrow(/^Cannot move the store: it moved away from there at 2/);
  await change({ databaseUrlFile: 'source.url', moving: true });
  await expect(move('--abort')).rejects.toThrow(
    /^Cannot give up the move: it ended at 2.*, so this is the old place of the store: take the stores file/,
  );
  const isFenced = `select from pg_constraint where conname = 'store_has_moved'`;
  expect(await sql(source.url, isFenced)).toHaveLength(3);
  // The copy can be given back after a later move was killed.
  await fenceStore({ url: target.url, schema: 'sluice' });
  await change({ databaseUrlFile: 'target.url' });
  await expect(move('--to-file', 'source.url')).rejects.toThrow(
    'Cannot move the store: a move has closed its tables. If that was killed, run it with --abort; else',
  );
  expect(await sql(target.url, isFenced)).toHaveLength(3);
  await change({ databaseUrlFile: 'target.url', moving: true });
  await move('--abort');
  expect(await sql(target.url, isFenced)).toEqual([]);

  // The target is lost, so an operator opens the source.
  for (const table of ['api_key', 'intake', 'outcome'])
    await sql(source.url, `alter table sluice.${table} drop constraint store_has_moved`);
  const lanes = (await listLanes(operator)).map(({ lane }) => lane);
  await resumeLanes(operator, lanes, 'somebody');
  await change({ databaseUrlFile: 'source.url', moving: true });
  await move('--abort');
  await pauseLanes(operator, lanes, 'somebody (sluice stores move)');
  await fenceStore({ url: source.url, schema: 'sluice' });
  await move('--abort');
  await scene.isOpen();
});

test('a move that begins while another one runs is refused after that has ended, and the source stays closed', async () => {
  const scene = await setup();
  const { source, entry } = scene;
  const third = await createDatabase();
  onTestFinished(() => third.drop());
  const blocker = await openConnection(third.url);
  await blocker.query('begin; lock table sluice.migration in access exclusive mode');
  const late = moveOwn({ ...scene, target: third }, {}).catch((error: unknown) => error);
  const waiting = `select from pg_locks where not granted and relation = 'sluice.migration'::regclass`;
  await eventually(async () => expect(await sql(third.url, waiting)).toHaveLength(1));
  await moveOwn(scene, {});
  await blocker.query('rollback');
  expect(await late).toMatchObject({
    message: expect.stringMatching(/^Cannot move the store: it moved away from there at 2/) as string,
  });
  expect(await entry()).toEqual({ databaseUrlFile: 'target.url' });
  const fences = `select from pg_constraint where conname = 'store_has_moved'`;
  expect(await sql(source.url, fences)).toHaveLength(3);
});

test('a finished move that could not mark its source says so on standard error, also with --json', async () => {
  const { source, file, entry } = await setup();
  await sql(source.url, `alter table sluice.audit add constraint no_leave check (action <> 'leave')`);
  const { code, last, stderr } = await readHere(
    'stores move own --file-delay 1s --to-file target.url --stores'.split(' ').concat(file),
  );
  expect(code).toBe(0);
  expect(last).toMatchObject({ isMoved: true, isNotedAtSource: false });
  expect(stderr).toBe(
    'own: could not note at the source that the store has moved: do not use --abort with an old copy of the stores file\n',
  );
  expect(await entry()).toEqual({ databaseUrlFile: 'target.url' });
});

test('a move that cannot close the source names the sessions whose locks keep it open, and leaves it open', async () => {
  const { source } = await setup();
  const blocker = await openConnection(source.url);
  await blocker.query(`set application_name to 'a report'; begin; select from sluice.outcome`);
  const told: string[] = [];
  const place = { url: source.url, schema: 'sluice' };
  const onWait = (holders: readonly { application: string }[]): void =>
    void told.push(...holders.map(({ application }) => application));
  await expect(fenceStore(place, { waitMs: 900, onWait })).rejects.toThrow(
    /^Cannot move: a lock was not released within 0.9 s by process \d+ \(a report, role /,
  );
  expect(told).toEqual(['a report']);
  const fences = `select from pg_constraint where conname = 'store_has_moved'`;
  expect(await sql(source.url, fences)).toEqual([]);
  await blocker.query('rollback');
});

test('a second move into the same target is refused while the first one copies', async () => {
  const { source, target } = await setup();
  const other = await createDatabase();
  onTestFinished(() => other.drop());
  const first = await StoreCopy.open(source.url, target.url, 'sluice');
  onTestFinished(() => first.close());
  await expect(StoreCopy.open(other.url, target.url, 'sluice')).rejects.toThrow(
    'Cannot move the store: another command uses the target',
  );
});

test('`sluice stores check` says what helps: a migration of the store, or a newer program', async () => {
  const { source, file } = await setup();
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  onTestFinished(() => {
    said.mockRestore();
    process.exitCode = undefined;
  });
  const check = async (change: string): Promise<string> => {
    await sql(source.url, change);
    said.mockClear();
    await runHere(['stores', 'check', '--stores', file], {});
    expect(process.exitCode).toBe(5);
    return said.mock.calls.map(([line]) => line).join('');
  };
  expect(
    await check(
      `insert into sluice.migration (version, name, checksum) values (${schemaVersion + 1}, 'later', '')`,
    ),
  ).toBe(
    `own: reachable, its schema has version ${schemaVersion + 1}, newer than this program's ${schemaVersion}: update the program\n`,
  );
  expect(await check(`delete from sluice.migration where version >= ${schemaVersion}`)).toBe(
    `own: reachable, its schema has version ${schemaVersion - 1}, and this program needs ${schemaVersion}: run \`sluice migrate --store own\`\n`,
  );
});

test('`sluice stores check` tells of stores of the right version that no process can use', async () => {
  const { source, target, file } = await setup();
  const said = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  onTestFinished(() => {
    said.mockRestore();
    process.exitCode = undefined;
  });
  const check = async (stores: object, ...only: string[]): Promise<string[]> => {
    process.exitCode = 0;
    await writeFile(file, JSON.stringify({ stores }));
    said.mockClear();
    await runHere(['stores', 'check', ...only, '--stores', file], {});
    const lines = said.mock.calls.flatMap(([line]) => String(line).trimEnd().split('\n'));
    const isWell = lines.every((line) => /has version \d+$/.test(line));
    expect(process.exitCode).toBe(isWell ? 0 : 5);
    return lines.map((line) => line.replace(/: reachable, its schema has version \d+,? ?/, ': '));
  };
  const own = { databaseUrl: source.url };
  const sameServer = source.url.replace('127.0.0.1', 'localhost');
  expect(sameServer).not.toBe(source.url);
  expect(await check({ own, second: { ...own, schema: 'second' } })).toMatchObject([
    'own: ',
    expect.stringMatching(/^second: .*migrate/) as string,
  ]);
  expect(await check({ own, other: { databaseUrl: target.url } })).toEqual(['own: ', 'other: ']);
  expect(await check({ own: { ...own, listenUrl: sameServer, operatorUrl: source.opsUrl } })).toEqual([
    'own: ',
  ]);
  const twins = { away: { databaseUrl: target.url }, own, twin: { databaseUrl: sameServer } };
  const [ofOwn, ofTwin] = [
    'own: but store twin has the same database and schema',
    'twin: but store own has the same database and schema',
  ];
  expect(await check(twins)).toEqual(['away: ', ofOwn, ofTwin]);
  expect(await check(twins, 'own')).toEqual([ofOwn]);
  expect(await check(twins, 'twin')).toEqual([ofTwin]);
  expect(await check(twins, 'away')).toEqual(['away: ']);
  expect(await check({ own: { ...own, moving: true } })).toEqual([
    'own: but it is marked as moving: a move runs, or was killed (--abort ends that)',
  ]);
  expect(await check({ own: { ...own, listenUrl: target.url } })).toEqual([
    'own: but its listenUrl leads to another database',
  ]);
  const wrong = source.opsUrl.replace(/:[^:@]+@/, ':unlikely@').replace(/:\d+\//, ':1/');
  const [line] = await check({ own: { ...own, operatorUrl: wrong } });
  expect(line).toMatch(/^own: but its operatorUrl cannot be used: Cannot reach PostgreSQL/);
  expect(line).not.toContain('unlikely');
  await sql(source.url, `alter database ${source.name} set default_transaction_read_only = on`);
  expect(await check({ own })).toEqual([
    'own: but the server is read-only: a standby, or default_transaction_read_only is on (25006)',
  ]);
  await sql(
    source.url,
    `set default_transaction_read_only = off; alter database ${source.name} reset default_transaction_read_only`,
  );
  await fenceStore({ url: source.url, schema: 'sluice' });
  expect(await check({ own })).toEqual([expect.stringMatching(/^own: but a move has closed its tables: /)]);
});

// JavaScript lists keys that are whole numbers before all others.
test.each(['twin', '2025'])(
  '`sluice stores add` refuses store %s with the place or a host of another one, and leaves the file as it was',
  async (name) => {
    const { file } = await setup();
    const own = { databaseUrlFile: 'source.url', hosts: ['own.example.org'] };
    const other = { databaseUrl: 'postgres://h/other' };
    await writeFile(file, JSON.stringify({ stores: { own, other } }));
    const before = await readFile(file, 'utf8');
    const add = (...args: string[]): Promise<void> =>
      runHere(['stores', 'add', name, '--stores', file, ...args]);
    await expect(add('--database-url-file', 'source.url')).rejects.toThrow(
      `the stores own and ${name} have the same database and schema`,
    );
    await expect(
      add('--database-url-file', 'target.url', '--hosts', 'twin.example.org,own.example.org'),
    ).rejects.toThrow(`the stores own and ${name} have the same host own.example.org`);
    expect(await readFile(file, 'utf8')).toBe(before);
  },
);

// Every object of JavaScript has the last three.
test.each(['twin', 'constructor', 'toString', '__proto__'])(
  '`sluice stores remove` refuses %s, which the file does not have',
  async (name) => {
    const { file } = await setup();
    await expect(runHere(['stores', 'remove', name, '--stores', file])).rejects.toThrow(
      `Cannot remove the store: the file has no store of this name: ${name}`,
    );
  },
);

test('`sluice stores remove` warns of writes that still wait, and removes a store that it cannot reach', async () => {
  const { source, file } = await setup();
  await sql(
    source.url,
    `insert into sluice.intake (write_id, lane, operation, resource, document_id, referential_id, reference_ids,
       content_hash, client, node, body)
     select i, 0, 'upsert', 'sample/schools', i, i, '{}', '', '', 0, '{}' from gen_random_uuid() as i`,
  );
  const stores = { own: { databaseUrl: source.url }, lost: { databaseUrl: 'postgres://127.0.0.1:1/lost' } };
  await writeFile(file, JSON.stringify({ stores }));
  const remove = (name: string) => readHere(['stores', 'remove', name, '--stores', file]);
  expect(await remove('lost')).toMatchObject({ code: 0, last: { writesWait: null }, stderr: '' });
  expect(await remove('own')).toEqual({
    code: 0,
    last: { removed: 'own', writesWait: true },
    stderr: 'Writes still wait in own: no writer settles them until the file has the store again\n',
  });
});
