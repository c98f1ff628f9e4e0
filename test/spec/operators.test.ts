// An operator's day, by the command line alone: what is stuck and why, told by JSON and by text, and put right again.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeDocument, laneOf, parseModel } from 'sluice/model';
import { describe, expect, onTestFinished, test } from 'vitest';
import sample from '../../packages/dev/src/sample/sample-model.json' with { type: 'json' };
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openConnection, sql } from '../support/sql.ts';
import { readHere, type Ended } from '../support/run-here.ts';
import { createDataDir, readSluice, startSluice } from '../support/sluice.ts';

const database = useDatabase();
const modelFile = fileURLToPath(new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url));
const model = parseModel(sample);
const lanes = 8;
const timeout = 300_000;

const settings = (): Record<string, string> => ({
  DATABASE_URL: database.url,
  SLUICE_MODEL: modelFile,
  SLUICE_LANES: String(lanes),
  SLUICE_LOG_LEVEL: 'warn',
});

/** As an operator does it. */
const runApart = (...args: string[]) => startSluice(args, settings()).ended;
const run = (...args: string[]): Promise<Ended> => readHere(args, settings());
const read = async (...args: string[]): Promise<string> => (await readSluice(args, settings())).text;

interface Stuck {
  writeId: string;
  reason: string;
  resource: string;
  awaits: { identity: string | null; standing: string }[];
  error: { code: string } | null;
}

async function stuck(...args: string[]): Promise<Stuck[]> {
  const { code, last, stderr } = await run('stuck', '--older-than', '0s', ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return last['writes'] as Stuck[];
}

const year = (schoolYear: number, schoolYearDescription = 'a year'): object => ({
  schoolYear,
  schoolYearDescription,
  currentSchoolYear: false,
});

function laneOfYear(schoolYear: number): number {
  const { referentialId, superclassId } = describeDocument(
    model.findEndpoint('sample/schoolYearTypes')!,
    year(schoolYear),
  );
  return laneOf(referentialId, superclassId, lanes);
}

/** A session at a school that nobody has sent, in another lane than this. */
function sessionOutside(lane: number): object {
  for (let n = 1; ; n++) {
    const session = {
      sessionName: `Session ${n}`,
      schoolReference: { schoolId: 1 },
      schoolYearTypeReference: { schoolYear: 1901 },
      beginDate: '1901-08-01',
      endDate: '1901-12-20',
      totalInstructionalDays: 90,
    };
    const { referentialId, superclassId } = describeDocument(model.findEndpoint('sample/sessions')!, session);
    if (laneOf(referentialId, superclassId, lanes) !== lane) return session;
  }
}

/** A school year of some lane. */
function yearIn(isWanted: (lane: number) => boolean, from: number): number {
  for (let candidate = from; ; candidate++) if (isWanted(laneOfYear(candidate))) return candidate;
}

describe('an operator', () => {
  test('an operator sees why each write is stuck, and repairs it', { timeout }, async () => {
    const node = startSluice(['api', '--port', '0'], settings());
    const [first, second] = [startSluice(['writer'], settings()), startSluice(['writer'], settings())];
    const [{ url }] = await Promise.all([node.event('ready'), first.event('ready'), second.event('ready')]);
    const submit = async (endpoint: string, document: object, prefer = 'respond-async'): Promise<string> => {
      const response = await fetch(`${String(url)}/data/sample/${endpoint}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer },
        body: JSON.stringify(document),
      });
      expect(response.status).toBe(202);
      return response.headers.get('location')!.split('/').at(-1)!;
    };

    // A load goes through, and nothing wants attention.
    const file = join(await createDataDir(), 'years.ndjson');
    const lines = [1901, 1902, 1903, 1904].map((schoolYear) =>
      JSON.stringify({ endpoint: '/sample/schoolYearTypes', document: year(schoolYear) }),
    );
    await writeFile(file, lines.join('\n'));
    expect(await runApart('load', file, '--nodes', String(url), '--model', modelFile)).toMatchObject({
      code: 0,
    });
    await eventually(async () => expect(await run('status')).toMatchObject({ code: 0 }), {
      timeoutMs: 30_000,
    });

    // A writer that is killed is no harm while another is there.
    first.kill('SIGKILL');
    await eventually(
      async () => expect((await run('status')).last).toMatchObject({ isHealthy: true, writers: 1 }),
      { timeoutMs: 30_000 },
    );

    // A lane is paused; a document waits for one that nobody has sent; another cannot be stored.
    const pausedYear = 2001;
    const paused = laneOfYear(pausedYear);
    expect((await runApart('pause', String(paused))).last).toEqual({ paused: [paused], unchanged: [] });
    const heldId = await submit('schoolYearTypes', year(pausedYear));
    const orphan = sessionOutside(paused);
    const orphanId = await submit('sessions', orphan, 'respond-async, wait-for-references=600');
    await sql(
      database.url,
      `create function public.refuse_poison() returns trigger language plpgsql as
       $$ begin raise exception 'a secret' using errcode = 'P0001'; end $$`,
    );
    await sql(
      database.url,
      `create trigger refuse_poison before insert on sluice.document for each row
       when (new.body ->> 'schoolYearDescription' = 'poison') execute function public.refuse_poison()`,
    );
    onTestFinished(async () => void (await sql(database.url, 'drop function public.refuse_poison cascade')));
    const isElsewhere = (lane: number): boolean => lane !== paused;
    const poisonedYear = yearIn(isElsewhere, 2010);
    const poisonId = await submit('schoolYearTypes', year(poisonedYear, 'poison'));

    // The last writer dies in the middle of its work.
    const lostYear = yearIn(isElsewhere, 2040);
    await eventually(async () => expect(await stuck('--reason', 'dead-letter')).toHaveLength(1), {
      timeoutMs: 30_000,
    });
    const holder = await openConnection(database.url);
    await holder.query('begin');
    await holder.query('select from sluice.lane where lane = $1 for update', [laneOfYear(lostYear)]);
    const lostId = await submit('schoolYearTypes', year(lostYear));
    second.kill('SIGKILL');
    await second.ended;
    await holder.query('rollback');
    await eventually(
      async () => expect((await run('status')).last).toMatchObject({ lanesWithoutLeader: lanes }),
      { timeoutMs: 30_000 },
    );

    // Each reason is named, to programs and to people.
    const expected = new Map([
      [heldId, 'lane_paused'],
      [orphanId, 'blocked'],
      [poisonId, 'dead_letter'],
      [lostId, 'lane_without_leader'],
    ]);
    const writes = await stuck();
    expect(new Map(writes.map(({ writeId, reason }) => [writeId, reason]))).toEqual(expected);
    const byId = new Map(writes.map((write) => [write.writeId, write]));
    expect(byId.get(poisonId)).toMatchObject({
      error: { code: 'P0001' },
      resource: 'sample/schoolYearTypes',
    });
    expect(byId.get(orphanId)).toMatchObject({
      awaits: [{ standing: 'never_seen', resource: 'School', identity: 'schoolId=1' }],
    });
    const text = await read('stuck', '--older-than', '0s');
    for (const [writeId, reason] of expected)
      expect(text).toMatch(new RegExp(`^${writeId} .* ${reason} `, 'm'));
    expect(text).toContain('waits for School (schoolId=1), which has not been submitted');
    expect(text).toContain('error P0001, attempt 3');
    expect(JSON.stringify(writes) + text).not.toContain('secret');
    expect(await read('show', orphanId)).toContain('School (schoolId=1), which has not been submitted');
    expect(await stuck('--lane', String(paused), '--reason', 'lane_paused')).toMatchObject([
      { writeId: heldId },
    ]);
    const sick = await readSluice(['status', '--older-than', '0s'], settings());
    expect(sick.code).toBe(5);
    expect(sick.text).toMatch(
      /^Wants attention: lanes 0–7 without a leader; lane \d paused; 1 dead letter; /,
    );

    // A command without a terminal needs --yes and a choice of writes.
    expect(await run('retry', poisonId)).toMatchObject({ code: 2 });
    expect(await run('discard', '--all-matching', '--yes')).toMatchObject({ code: 2 });

    // All of it with no node and no writer: then a writer comes back.
    node.kill('SIGTERM');
    await node.ended;
    await sql(database.url, 'drop trigger refuse_poison on sluice.document');
    expect((await run('retry', '--all-matching', '--reason', 'dead_letter', '--dry-run')).last).toMatchObject(
      {
        retried: 1,
        dryRun: true,
      },
    );
    const retried = await runApart('retry', poisonId, '--yes');
    expect(retried).toMatchObject({ code: 0, last: { retried: 1, refused: {} } });
    expect((await runApart('resume', 'all')).last).toMatchObject({ resumed: [paused] });
    expect(await runApart('discard', orphanId, '--yes')).toMatchObject({ code: 0, last: { discarded: 1 } });
    const third = startSluice(['writer'], settings());
    await third.event('ready');
    await eventually(
      async () =>
        expect(await run('status', '--older-than', '0s')).toMatchObject({ code: 0, last: { backlog: 0 } }),
      { timeoutMs: 30_000 },
    );
    const stored = await sql(
      database.url,
      `select body ->> 'schoolYear' as year from sluice.document order by 1`,
    );
    expect(stored.map((row) => Number(row['year']))).toEqual(
      [1901, 1902, 1903, 1904, pausedYear, poisonedYear, lostYear].sort((a, b) => a - b),
    );

    // The writer is drained from elsewhere and ends in order; all of it is on record.
    const { last } = await runApart('writers');
    const living = (last['writers'] as { writerId: string; state: string }[]).filter(
      ({ state }) => state === 'leading',
    );
    expect(living).toHaveLength(1);
    expect(await runApart('drain', living[0]!.writerId, '--wait', '30s')).toMatchObject({
      code: 0,
      last: { hasEnded: true },
    });
    expect(await third.ended).toMatchObject({ code: 0 });
    expect(await run('status')).toMatchObject({ code: 5, last: { lanesWithoutLeader: lanes, writers: 0 } });
    const entries = (await runApart('audit')).last['entries'] as { action: string }[];
    expect(entries.map(({ action }) => action)).toEqual(['drain', 'discard', 'resume', 'retry', 'pause']);
  });
});
