// Given a node that speaks Ed-Fi: the whole of a sample district goes through HTTP in strict validation, and comes back.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { edFiPath } from '../support/edfi-data.ts';
import { isEdFiAbsent, useEdFi, type Body } from '../support/edfi.ts';

interface Line {
  endpoint: string;
  document: Body;
}

describe.skipIf(isEdFiAbsent)('the documents of the Ed-Fi sample district', () => {
  const edfi = useEdFi('local');

  test('all documents of the Ed-Fi sample district are accepted over HTTP, and read as they were sent', async () => {
    const names = readdirSync(edFiPath('documents')).sort();
    const counts = new Map<string, number>();
    const refused: string[] = [];
    let created = 0;
    for (const name of names) {
      // Each file depends only on earlier ones, and perhaps on its own earlier lines.
      let lines = readFileSync(join(edFiPath('documents'), name), 'utf8')
        .trim()
        .split('\n');
      for (const line of lines) {
        const { endpoint } = JSON.parse(line) as Line;
        counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
      }
      for (let pass = 0; pass < 2 && lines.length > 0; pass++) {
        const sent = lines;
        const answer = await edfi.send('POST', '/bulk', sent.join('\n'), {
          'content-type': 'application/x-ndjson',
        });
        lines = [];
        for (const text of answer.text.trim().split('\n')) {
          const { line, status } = JSON.parse(text) as { line: number; status: number };
          if (status === 201) created++;
          else if (status === 409 && pass === 0) lines.push(sent[line - 1]!);
          else refused.push(`${name}: ${text}`);
        }
      }
    }
    expect(refused.slice(0, 5)).toEqual([]);
    expect(created).toBe(17_912);

    for (const [endpoint, count] of counts) {
      const answer = await edfi.get(`/data${endpoint}?limit=1&totalCount=true`);
      expect([endpoint, answer.headers['total-count']]).toEqual([endpoint, String(count)]);
    }
    const [line] = readFileSync(edFiPath('documents/26-schools.ndjson'), 'utf8').split('\n');
    const { document } = JSON.parse(line!) as Line;
    const schools = await edfi.get(`schools?schoolId=${document['schoolId'] as number}`);
    expect(schools.body).toMatchObject([document]);
  }, 120_000);
});
