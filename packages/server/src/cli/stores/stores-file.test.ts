import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { editStores, keepAccess } from './edit-stores.ts';
import { readStores } from './stores-file.ts';
import { watchStoresFile } from './watch-stores-file.ts';

const north = 'postgres://somebody:unlikely@127.0.0.1:5432/north';

function storesFile(text: string, others: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-stores-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(others)) writeFileSync(join(folder, name), content);
  writeFileSync(join(folder, 'stores.json'), text);
  return join(folder, 'stores.json');
}

const withStores = (stores: unknown): string => JSON.stringify({ stores });

test('a store takes its URL from the stores file, from the file of its secret, or from a variable', () => {
  const file = storesFile(
    withStores({
      north: { databaseUrl: north },
      south: { databaseUrlFile: 'south.url', schema: 'district' },
      west: { databaseUrlVariable: 'WEST_URL', hosts: ['west.example.org'] },
    }),
    { 'south.url': 'postgres://127.0.0.1/south\n' },
  );
  const stores = readStores(file, { environment: { WEST_URL: 'postgres://other:5433/west' } });
  expect([...stores.values()]).toMatchObject([
    { name: 'north', url: north, schema: 'sluice', server: '127.0.0.1:5432', database: 'north', hosts: [] },
    { name: 'south', url: 'postgres://127.0.0.1/south', schema: 'district', database: 'south' },
    { name: 'west', server: 'other:5433', database: 'west', hosts: ['west.example.org'] },
  ]);
});

test.each([
  ['{', 'it is not JSON'],
  ['[]', 'it is not of the form'],
  [
    `{"stores": {"north": {"databaseUrl": "${north}"}, "n\\u006frth": {"databaseUrl": "postgres://h/other"}}}`,
    'it has the key "north" twice',
  ],
  [
    `{"stores": {"a": {"schema": "a"}, "north": {"schema": "\\"{", "databaseUrl": "${north}", "schema": "b"}}}`,
    'it has the key "schema" twice',
  ],
  [
    withStores({ North: { databaseUrl: north } }),
    'store "North": the name is not up to 40 lower-case letters',
  ],
  [withStores({ data: { databaseUrl: north } }), 'store "data": the name is not up to 40 lower-case letters'],
  [
    withStores({ north: {} }),
    'store "north": databaseUrl, databaseUrlFile or databaseUrlVariable is missing',
  ],
  [withStores({ north: { databaseUrl: 7 } }), 'store "north": databaseUrl: is not a postgres:// URL'],
  [
    withStores({ north: { databaseUrl: 'mysql://a:unlikely@b/c' } }),
    'store "north": databaseUrl is not a postgres:// URL',
  ],
  [
    withStores({ north: { databaseUrl: `${north}#unlikely` } }),
    'store "north": databaseUrl: Cannot use the database URL',
  ],
  [
    withStores({ north: { databaseUrl: 'postgres://127.0.0.1' } }),
    'store "north": databaseUrl names no database',
  ],
  [withStores({ north: { databaseURL: north } }), 'store "north": there is no key databaseURL'],
  [
    withStores({ north: { databaseUrl: north, schema: 'public' } }),
    'store "north": schema: Cannot use the schema',
  ],
  [
    withStores({ north: { databaseUrl: north, hosts: ['A b'] } }),
    'store "north": hosts.0: is not a host name',
  ],
  [
    withStores({ north: { databaseUrl: north, databaseUrlFile: 'f' } }),
    'store "north": databaseUrl and databaseUrlFile exclude each other',
  ],
  [
    withStores({ north: { databaseUrlFile: 'none' } }),
    'store "north": databaseUrlFile names a file that cannot be read (ENOENT)',
  ],
  [
    withStores({ north: { databaseUrlVariable: 'NONE' } }),
    'store "north": databaseUrlVariable names a variable that is not set',
  ],
  [
    withStores({ north: { databaseUrl: north, listenUrlVariable: 'ODD' } }),
    'store "north": listenUrlVariable holds no postgres:// URL',
  ],
  [
    withStores({ north: { databaseUrl: north }, south: { databaseUrl: north } }),
    'the stores north and south have the same database and schema',
  ],
  [
    withStores({
      north: { databaseUrl: north, hosts: ['a'] },
      south: { databaseUrl: `${north}2`, hosts: ['a'] },
    }),
    'the stores north and south have the same host a',
  ],
])('an unusable stores file is refused by store and key, without a secret: %#', (text, reason) => {
  const file = storesFile(text);
  const read = () => readStores(file, { environment: { ODD: 'unlikely' } });
  expect(read).toThrow(`Cannot use the stores file ${file}: ${reason}`);
  expect(read).not.toThrow('unlikely');
});

test('an edit that no process could use leaves the stores file unchanged, and no draft', async () => {
  const before = withStores({ north: { databaseUrl: north } });
  const file = storesFile(before);
  await expect(editStores(file, (all) => ({ ...all, south: { schema: 'x' } }))).rejects.toThrow(
    'store "south"',
  );
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect(readdirSync(join(file, '..'))).toEqual(['stores.json']);
});

test('an edit keeps a symbolic link, and the mode of the file that it leads to', async () => {
  const file = storesFile(withStores({}));
  const link = join(file, '..', 'link.json');
  symlinkSync('stores.json', link);
  await editStores(link, (all) => ({ ...all, north: { databaseUrl: 'postgres://h/north' } }));
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readStores(file).size).toBe(1);
});

test.runIf(process.getuid?.() === 0)('an edit by root leaves the file to its owner', async () => {
  const file = storesFile(withStores({}));
  chownSync(file, 4711, 4712);
  await editStores(file, (all) => ({ ...all, north: { databaseUrl: 'postgres://h/north' } }));
  expect(statSync(file)).toMatchObject({ uid: 4711, gid: 4712 });
});

test('an edit through a symbolic link that leads nowhere is refused, and the link stays', async () => {
  const link = join(storesFile(withStores({})), '..', 'lost.json');
  symlinkSync('no-such-folder/stores.json', link);
  await expect(editStores(link, (all) => all)).rejects.toThrow('it is a symbolic link that leads nowhere');
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
});

test.runIf(process.getuid?.() === 0)(
  'an edit by a member of the file’s group leaves the file to the group',
  async () => {
    const file = storesFile(withStores({}));
    chownSync(file, 4711, 4712);
    chmodSync(file, 0o640);
    const draft = join(file, '..', 'draft');
    const refusing = (code: string, ofGroup?: string) => ({
      stat: () => Promise.resolve(statSync(draft)),
      chmod: (mode: number) => Promise.resolve(chmodSync(draft, mode)),
      chown(uid: number, gid: number): Promise<void> {
        const refused = uid === -1 ? ofGroup : code;
        if (refused !== undefined)
          return Promise.reject(Object.assign(new Error(refused), { code: refused }));
        return Promise.resolve(chownSync(draft, 4713, gid));
      },
    });
    const after = async (...codes: [string, string?]) => {
      writeFileSync(draft, '');
      chownSync(draft, 4713, 4713);
      await keepAccess(refusing(...codes), file);
      const { mode, uid, gid } = statSync(draft);
      return { mode: mode & 0o777, uid, gid };
    };
    expect(await after('EPERM')).toEqual({ mode: 0o640, uid: 4713, gid: 4712 });
    // Its mode would give the secrets to another group.
    for (const code of ['EPERM', 'EINVAL', 'ENOTSUP', 'ENOSYS'])
      expect(await after(code, code)).toEqual({ mode: 0o600, uid: 4713, gid: 4713 });
    await expect(after('EIO', 'EIO')).rejects.toThrow('EIO');
  },
);

test('two edits at the same time lose none: one of them is refused', async () => {
  const file = storesFile(withStores({}));
  const add = (name: string) =>
    editStores(file, (all) => ({ ...all, [name]: { databaseUrl: `postgres://h/${name}` } }));
  const results = await Promise.allSettled([add('north'), add('south')]);
  expect(results.toSorted((one, other) => one.status.localeCompare(other.status))).toMatchObject([
    { status: 'fulfilled' },
    {
      status: 'rejected',
      reason: { message: expect.stringContaining('another command edits it') as string },
    },
  ]);
  await add('west');
  expect(readStores(file).size).toBe(2);
});

test('an edit that waits sees what the other edit has saved, also in a new file, and gives up at its time', async () => {
  const file = storesFile(withStores({}));
  const fresh = `${file}.fresh`;
  const add = (name: string, options?: { waitMs: number }) =>
    editStores(fresh, (all) => ({ ...all, [name]: { databaseUrl: `postgres://h/${name}` } }), options);
  await Promise.all(['north', 'south', 'west'].map((name) => add(name, { waitMs: 10_000 })));
  expect([...readStores(fresh).keys()].toSorted()).toEqual(['north', 'south', 'west']);
  writeFileSync(`${fresh}.new`, '');
  await expect(add('east', { waitMs: 60 })).rejects.toThrow(
    new RegExp(`another command edits it since 2.*; if none does, remove ${fresh}.new`),
  );
});

test('an edit whose last step fails leaves the file as it was', async () => {
  const file = storesFile(withStores({ north: { databaseUrl: 'postgres://h/north' } }));
  const beforeSave = () => Promise.reject(new Error('no commit'));
  await expect(editStores(file, () => ({}), { beforeSave })).rejects.toThrow('no commit');
  expect(readStores(file).size).toBe(1);
  await editStores(file, () => ({}));
  expect(readStores(file).size).toBe(0);
});

test('a change of a file that an entry names is noticed, also of one that a later entry names', async () => {
  const file = storesFile(withStores({ south: { databaseUrlFile: 'south.url' } }), {
    'south.url': 'postgres://127.0.0.1/south',
  });
  const changed = vi.fn();
  onTestFinished(watchStoresFile(file, changed));
  // The first look at a file may already see the new text, so the test writes again. One call may belong to the file before.
  const write = async (name: string, text: string): Promise<void> => {
    changed.mockClear();
    const writeAgain = (): void => {
      writeFileSync(join(file, '..', name), text);
      expect(changed.mock.calls.length).toBeGreaterThan(1);
    };
    await vi.waitFor(writeAgain, { timeout: 10_000, interval: 100 });
  };
  await write('south.url', 'postgres://127.0.0.1:5433/south');
  writeFileSync(join(file, '..', 'west.url'), 'postgres://127.0.0.1/west');
  await write('stores.json', withStores({ west: { databaseUrlFile: 'west.url' } }));
  await write('west.url', 'postgres://127.0.0.1:5433/west');
});
