// A constraint of one target that fails at the end of a batch, and a server that lacks something: no neighbour is blamed.

import pg from 'pg';
import {
  defineProjection,
  intakeOrigin,
  lockedOrigin,
  memoryOrigin,
  settleBatch,
  settleOptionsOf,
  type BatchReport,
  type Target,
} from 'sluice/internal/batch';
import type { Write } from 'sluice/internal/protocol';
import { agreeProjections, Database, Session } from 'sluice/internal/store';
import { readTargets, type HandlerResult, type TargetDefinition } from 'sluice/internal/targets';
import { describeDocument, laneOf } from 'sluice/model';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { model, resource } from '../support/model.ts';
import { insertIntake, rowWrite } from '../support/row-write.ts';
import { fresh } from '../support/world.ts';

const database = useDatabase();
const definitions: TargetDefinition[] = [
  { table: 'one' },
  { table: 'two' },
  { function: 'public.keep', key: ['$.id'] },
  {
    name: 'handled',
    key: ['$.id'],
    async settle({ writes, query }) {
      for (const { body } of writes) await query('insert into ended values ($1)', [(body as Body).bad]);
      const results = writes.map(({ body }) => {
        const { wrong } = body as Body;
        if (wrong === 'a date') return { result: 'created', answer: oddAnswer };
        return wrongResults.get(wrong ?? '') ?? { result: 'created' };
      });
      return (results.includes(noArray) ? undefined : results) as HandlerResult[];
    },
  },
  { function: 'public.say', key: ['$.id'] },
];

interface Body {
  bad: boolean;
  wrong?: string;
}

const noArray = {};
const round: Record<string, unknown> = {};
round['round'] = round;
/** Of the handler, by the word in the body. */
const wrongResults = new Map<string, unknown>([
  ['no array', noArray],
  ['an empty result', {}],
  ['the result null', { result: null }],
  ['a BigInt', { result: 'created', answer: { n: 5n } }],
  ['a cycle', { result: 'created', answer: round }],
  ['a refusal with a BigInt', { result: 'refused', code: 5n }],
  ['a refusal with the character 0', { result: 'refused', code: 'a\u0000' }],
  ['a refusal with half of a surrogate pair', { result: 'refused', code: '\ud800' }],
]);
const oddAnswer = { at: new Date(0), none: undefined, text: 'a\\u0000', zero: '\u0000', half: '\ud800' };
/** Each note is a row of the user's own, too. */
const projection = defineProjection({
  name: 'kept',
  resources: ['test/notes'],
  async apply({ created }, transaction) {
    await transaction.query(
      `insert into ended select body ->> 'text' = 'bad' from sluice.document where document_id = any($1)`,
      [created.map(({ documentId }) => documentId)],
    );
  },
});
let session: Session;
let other: pg.Client;
let terms: Map<number, number>;
let tables: Awaited<ReturnType<typeof readTargets>>['tables'];

beforeAll(async () => {
  session = await Session.open({ url: database.url, applicationName: 'several targets' });
  other = new pg.Client(database.url);
  await other.connect();
  await other.query(`
    create table ended (bad boolean);
    create table one (id integer primary key, bad boolean);
    create table two (id integer primary key, bad boolean);
    create function look_at_end() returns trigger language plpgsql as $$ begin
      if new.bad then raise exception 'a secret' using errcode = '23514'; end if; return null; end $$;
    create constraint trigger at_end after insert on ended deferrable initially deferred for each row execute function look_at_end();
    create constraint trigger at_end after insert on one deferrable initially deferred for each row execute function look_at_end();
    create constraint trigger at_end after insert on two deferrable initially deferred for each row execute function look_at_end();
    create function keep(writes jsonb) returns setof text language plpgsql as $$ begin
      insert into ended select (value -> 'body' ->> 'bad')::boolean from jsonb_array_elements(writes);
      return query select 'kept' from jsonb_array_elements(writes); end $$;
    create function say(writes jsonb) returns table (result text, code text, answer jsonb) language sql as $$
      select case when w -> 'body' -> 'wrong' is null then 'updated' end, null::text, null::jsonb from jsonb_array_elements(writes) w $$;
    insert into sluice.lane (lane) select generate_series(0, 15)`);
  const { rows } = await other.query<{ lane: number; term: string }>('select lane, term from sluice.lane');
  terms = new Map(rows.map(({ lane, term }) => [lane, Number(term)]));
  tables = (await readTargets(session, definitions)).tables;
  const pool = new Database({ url: database.url, applicationName: 'several targets' });
  await agreeProjections(pool, [projection]);
  await pool.close();
});

afterAll(async () => {
  await session.close();
  await other.end();
});

beforeEach(() => other.query('truncate one, two, ended, sluice.intake, sluice.awaited, sluice.dead_letter'));

const kinds = ['a document', 'public.one', 'public.two', 'public.keep', 'handled'] as const;
type Kind = (typeof kinds)[number];

function writeTo(kind: Kind, bad: boolean): Write {
  const table = tables.find(({ name }) => name === kind) ?? tables[0]!;
  const row = rowWrite(table, 'insert', { id: fresh(), bad });
  if (kind === table.name) return row;
  if (kind !== 'a document') return { ...row, resource: kind, form: null };
  const note = { noteId: fresh(), text: bad ? 'bad' : 'good' };
  const { referentialId } = describeDocument(resource('notes'), note);
  const body = JSON.stringify(note);
  const lane = laneOf(referentialId, null, 16);
  return { ...row, resource: 'test/notes', operation: 'upsert', referentialId, lane, form: null, body };
}

const told: (string | null)[] = [];
const options = () => ({
  ...settleOptionsOf({ model, targets: definitions, projections: [projection] }),
  onRetry: ({ table, writes }: { table: string | null; writes: number }) => {
    if (writes > 1) told.push(table);
  },
});

describe.each([
  ['from the memory of a node', false],
  ['from the intake', true],
])('%s,', (_title, isIntake) => {
  async function settle(writes: Write[], more: readonly Target[] = []): Promise<BatchReport> {
    told.length = 0;
    if (isIntake) await insertIntake(session, writes);
    const origin = isIntake ? intakeOrigin(terms, 100) : memoryOrigin(writes);
    const { targets, ...others } = options();
    return settleBatch(session, origin, { ...others, targets: [...targets!, ...more] });
  }

  test.each(kinds)(
    'a fault at the end of a batch of all targets is answered to the write of %s alone',
    async (kind) => {
      const writes = [
        ...kinds.map((each) => writeTo(each, false)),
        writeTo(kind, true),
        ...kinds.map((each) => writeTo(each, false)),
      ];
      const report = await settle(writes);
      const codes = new Map<string, string>([
        ...report.outcomes.map(({ outcome }) => [outcome.writeId, outcome.code ?? 'fine'] as const),
        ...report.failed.map(({ write }) => [write.writeId, 'failed'] as const),
      ]);
      const bad = writes[kinds.length]!;
      const refused = {
        'a document': isIntake ? 'dead_letter' : 'failed',
        'public.keep': 'target_refused',
        handled: 'target_refused',
      };
      expect(writes.map(({ writeId }) => codes.get(writeId))).toEqual(
        writes.map((write) =>
          write === bad ? ((refused as Record<string, string>)[kind] ?? 'row_invalid') : 'fine',
        ),
      );
    },
  );

  const wrong: [what: string, target: string][] = [
    ...[...wrongResults.keys()].map((what): [string, string] => [what, 'handled']),
    ['the result null', 'public.say'],
  ];
  test.each(wrong)('a write for which a target returns %s fails alone: %s', async (what, target) => {
    const odd = { ...writeTo('handled', false), resource: target };
    odd.body = JSON.stringify({ ...(JSON.parse(odd.body!) as Body), wrong: what });
    const writes = [
      writeTo('public.one', false),
      writeTo('handled', false),
      odd,
      writeTo('a document', false),
    ];
    expect(await fates(writes, await settle(writes))).toEqual(alone(writes, odd));
  });

  test('a write for which the code of a target throws an unexpected error fails alone', async () => {
    const target: Target = {
      name: 'strange',
      owns: (resource) => resource === 'strange',
      settle: () => Promise.reject(new TypeError('a secret')),
    };
    const odd = { ...writeTo('handled', false), resource: 'strange' };
    const writes = [writeTo('public.one', false), odd, writeTo('a document', false)];
    expect(await fates(writes, await settle(writes, [target]))).toEqual(alone(writes, odd));
  });

  /** The codes of the answers, and the number of dead letters. */
  async function fates(writes: Write[], { outcomes, failed }: BatchReport): Promise<unknown[]> {
    const codes = new Map<string, string | null>([
      ...outcomes.map(({ outcome }) => [outcome.writeId, outcome.code] as const),
      ...failed.map(({ write, error }) => [write.writeId, error.name] as const),
    ]);
    const letters = (await other.query('select from sluice.dead_letter')).rows;
    return [...writes.map(({ writeId }) => codes.get(writeId)), letters.length];
  }
  const alone = (writes: Write[], odd: Write): unknown[] => [
    ...writes.map((write) => (write === odd ? (isIntake ? 'dead_letter' : 'TargetError') : null)),
    isIntake ? 1 : 0,
  ];

  test('a handler gives the answer that is stored, whatever the mode', async () => {
    const write = writeTo('handled', false);
    write.body = JSON.stringify({ ...(JSON.parse(write.body!) as Body), wrong: 'a date' });
    const { outcomes } = await settle([write]);
    const { rows } = await other.query('select detail from sluice.outcome where write_id = $1', [
      write.writeId,
    ]);
    const { detail } = outcomes[0]!.outcome;
    expect(detail).toStrictEqual((rows as { detail: unknown }[])[0]!.detail);
    expect(JSON.parse(detail!.answerText!)).toEqual(JSON.parse(JSON.stringify(oddAnswer)));
  });

  test.each([
    ['tables', 'public.two'],
    ['targets', 'public.keep'],
  ] as const)('the log of a fault at the end of a batch names none of several %s', async (_, kind) => {
    await settle([writeTo('public.one', true), writeTo(kind, false)]);
    expect(told).toEqual([null]);
  });

  /** While the trigger of one table raises this error for bad rows. */
  async function settleFailing(code: string, writes: Write[]): Promise<BatchReport> {
    await other.query(`create or replace function fail_early() returns trigger language plpgsql as $$ begin
        if new.bad then raise exception 'a secret' using errcode = '${code}'; end if; return new; end $$;
      create trigger early before insert on one for each row execute function fail_early();
      drop trigger at_end on one`);
    try {
      return await settle(writes);
    } finally {
      await session.flight([{ name: 'rollback' }]);
      await other.query(`drop trigger early on one;
        create constraint trigger at_end after insert on one deferrable initially deferred for each row execute function look_at_end()`);
    }
  }
  const mixed = (): Write[] => [
    writeTo('public.two', false),
    writeTo('public.one', true),
    writeTo('a document', false),
    writeTo('public.one', false),
  ];

  test.each(['53400', '58P01'])(
    'a row that meets a limit or a missing library (%s) fails alone',
    async (code) => {
      const writes = mixed();
      const { outcomes, failed } = await settleFailing(code, writes);
      const codes = new Map<string, string | null>([
        ...outcomes.map(({ outcome }) => [outcome.writeId, outcome.code] as const),
        ...failed.map(({ write }) => [write.writeId, 'failed'] as const),
      ]);
      const fault = isIntake ? 'dead_letter' : 'failed';
      expect(writes.map(({ writeId }) => codes.get(writeId))).toEqual([null, fault, null, null]);
    },
  );

  test.each(['53100', '53200', '53300', '58030'])(
    'a row for which the server lacks something (%s) is blocked alone, and applied once the server has it',
    async (code) => {
      const writes = mixed();
      const { outcomes, blocked } = await settleFailing(code, writes);
      expect(outcomes.map(({ outcome }) => outcome.code)).toEqual([null, null, null]);
      expect(blocked.map(({ write }) => write.writeId)).toEqual([writes[1]!.writeId]);
      if (!isIntake) return;
      await other.query('alter table one disable trigger at_end');
      const again = await settleBatch(session, lockedOrigin(terms, [writes[1]!.writeId]), options());
      await other.query('alter table one enable trigger at_end');
      expect(again.outcomes.map(({ outcome }) => outcome.result)).toEqual(['created']);
    },
  );

  test('a batch ends when the server lacks something for each of its writes', async () => {
    const writes = [writeTo('public.one', true), writeTo('public.one', true)];
    await expect(settleFailing('53100', writes)).rejects.toMatchObject({ sqlState: '53100' });
    expect((await other.query('select from sluice.dead_letter')).rows).toEqual([]);
  });
});
