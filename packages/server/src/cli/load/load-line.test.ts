import { appendFile, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseLoadLine } from './load-line.ts';
import { countLines, findLoadFiles, readLoadLines } from './read-lines.ts';

const bodyOf = (text: string) => parseLoadLine(text, 'here:1').body;

describe('a line of a load', () => {
  test('a line of a load keeps the text of its document unchanged', () => {
    const document =
      '{ "n": 9007199254740993, "e": 1e400, "s": "a\\"}{\\u2028\\\\", "l": [1, {"document": 2}] }';
    expect(bodyOf(`{"endpoint": "/a/b", "document": ${document}}`)).toBe(document);
    expect(bodyOf(`{"x": {"document": [1]}, "document":${document}  ,"endpoint":"a/b"}`)).toBe(document);
  });

  test('a line of a load counts the last of a repeated name, however it is spelled', () => {
    const line = parseLoadLine('{"endpoint":"a/b","document":{"n":1},"\\u0064ocument":{"n":2}}', 'here:1');
    expect([line.body, line.document]).toEqual(['{"n":2}', { n: 2 }]);
  });

  test.each(['', 'null', '[]', '{"endpoint":"a/b"}', '{"document":{}}', '{"endpoint":1,"document":{}}', '{'])(
    'a line of a load without an endpoint and a document is refused, and not shown: %j',
    (text) => {
      expect(() => parseLoadLine(text, 'here:1')).toThrow(
        /^(is not JSON|has no "endpoint" or no "document")$/,
      );
    },
  );

  test.each(['', 'a', '/', 'a/b/c', '../../x', 'a b/c', 'a/b?c', 'http://x/y', 'a/\\r\\nX: y', 'a/\\ud800'])(
    'a line of a load with an endpoint that cannot be part of a URL is refused: %j',
    (endpoint) => {
      expect(() => parseLoadLine(`{"endpoint":"${endpoint}","document":{}}`, 'here:1')).toThrow(
        'has an "endpoint" that is not a path such as /shop/orders',
      );
    },
  );
});

describe('the files of a load', () => {
  async function setup(files: Record<string, string | Buffer>) {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-load-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
    return folder;
  }

  test('the files of a load are the *.ndjson files of a folder in the order of their names', async () => {
    const folder = await setup({ '10-b.ndjson': '', '02-a.ndjson': '', 'notes.txt': '' });
    await mkdir(join(folder, 'c.ndjson'));
    expect(await findLoadFiles([folder])).toEqual([join(folder, '02-a.ndjson'), join(folder, '10-b.ndjson')]);
    await expect(findLoadFiles([join(folder, 'none')])).rejects.toThrow('there is no such file or folder');
  });

  test('the files of a load end a line at a newline alone, and number each line', async () => {
    const line = (text: string) => `{"endpoint":"a/b","document":{"t":"${text}"}}`;
    const broken = Buffer.concat([
      Buffer.from('{"endpoint":"a/b","document":"'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    const text = [line('\u2028'), '', line('long'.repeat(200_000)), '\r'].join('\n');
    const folder = await setup({ 'a.ndjson': Buffer.concat([Buffer.from(`${text}\n`), broken]) });
    const files = await findLoadFiles([folder]);
    const lines = [];
    for await (const read of readLoadLines(files)) lines.push(read);
    expect(lines.map(({ source }) => source)).toEqual(['a.ndjson:1', 'a.ndjson:3', 'a.ndjson:5']);
    expect(lines[0]).toMatchObject({ document: { t: '\u2028' } });
    expect(lines[2]).toMatchObject({ fault: 'is not UTF-8' });
    expect(await countLines(files)).toBe(3);
  });

  test('the files of a load report a line that is longer than any node takes, and go on after it', async () => {
    const folder = await setup({ 'a.ndjson': '' });
    const file = join(folder, 'a.ndjson');
    await truncate(file, 257 * 1024 * 1024);
    await appendFile(file, '\n{"endpoint":"a/b","document":{}}\n');
    const lines = [];
    for await (const read of readLoadLines([file])) lines.push(read);
    expect(lines).toMatchObject([
      { source: 'a.ndjson:1', fault: 'is longer than 268435456 bytes' },
      { source: 'a.ndjson:2', endpoint: 'a/b' },
    ]);
  });
});
