import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sampleModelFile } from '@sluice/dev';
import { writeDocuments } from './write-documents.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-documents-'));
});
afterAll(() => rm(folder, { recursive: true }));

const modelFiles = [sampleModelFile];

async function given(text: string): Promise<string> {
  const path = join(folder, 'given.ndjson');
  await writeFile(path, text);
  return path;
}

test('given documents are sent exactly as their file spells them', async () => {
  const documents = await given('{"endpoint": "/sample/students", "document": {"a": 9007199254740993}}\n\n');
  const { file } = await writeDocuments(folder, { documents, modelFiles });
  expect(await readFile(file, 'utf8')).toBe(
    '{"endpoint":"sample/students","document":{"a": 9007199254740993}}\n',
  );
});

test('without given documents a district is generated', async () => {
  const { file, ...more } = await writeDocuments(folder, { seed: 1, students: 3 });
  expect(more).toEqual({ modelFiles });
  expect((await readFile(file, 'utf8')).trim().split('\n').length).toBeGreaterThan(20);
});

test.each([
  ['no model', '{"endpoint": "/a/b", "document": {}}', undefined, '--documents needs --model'],
  ['a line that is broken', '{', modelFiles, 'a line of --documents is not JSON: given.ndjson:1'],
  ['a model that is not there', '{}', ['/nowhere.json'], 'there is no such file: /nowhere.json'],
])('given documents are refused with %s', async (_, text, models, sentence) => {
  const documents = await given(text);
  await expect(writeDocuments(folder, { documents, modelFiles: models })).rejects.toMatchObject({
    code: 'configuration_invalid',
    message: expect.stringContaining(sentence) as string,
  });
});
