// Hostile documents, alone and in bursts with valid ones beside them, one a request and as lines of a bulk request.

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Mode } from 'sluice/internal/protocol';
import { readModel } from '@sluice/edfi';
import { openConnection } from '../support/sql.ts';
import { isEdFiAbsent, schemaFile } from '../support/edfi.ts';
import { Campaign, casesOf, rngOf, within } from './campaign.ts';
import { exactJson } from './exact-json.ts';
import { useFuzzWorld, type FuzzWorld } from './fuzz-world.ts';
import { bigKinds, canary, documentKinds, type HostileDocument } from './hostile-documents.ts';

const burstSize = 50;
const neighbours = 5;
const hangMs = 60_000;

interface Case extends HostileDocument {
  kind: string;
  number: number;
}

interface Answer {
  status: number;
  id: string | null;
  text: string;
  /** Of a refusal. */
  problem: Record<string, unknown> | null;
}

/** How one profile is spoken to. */
interface Dialect {
  /** The case as this profile may get it; null: it says nothing here. */
  fit(hostile: Case): Case | null;
  valid(code: string): { endpoint: string; bytes: Buffer };
  /** What is stored of an accepted document, as `exactJson` has it. */
  kept(sent: unknown): unknown;
}

const native: Dialect = {
  fit: (hostile) => hostile,
  valid: (code) => ({ endpoint: 'fuzz/things', bytes: Buffer.from(JSON.stringify({ code, note: 'valid' })) }),
  kept: (sent) => sent,
};

async function edFi(): Promise<Dialect> {
  const student = (code: string): string =>
    `"studentUniqueId":"${code}","birthDate":"2010-01-01","firstName":"A","lastSurname":"B"`;
  const { jsonSchema } = (await readModel(schemaFile)).findEndpoint('ed-fi/students')!;
  const known = Object.keys((jsonSchema as { properties: object }).properties);
  return {
    fit(hostile) {
      if (hostile.endpoint !== 'fuzz/things') return null;
      const text = hostile.bytes
        .toString('latin1')
        .replace(/"code":"([\w-]+)"/, (_all, code: string) => student(code))
        .replace(/"v"(?=[\s:])/, hostile.number % 2 === 0 ? '"middleName"' : '"v"');
      // What its schema does not know is dropped, so a document may be taken that others would refuse, or refused.
      const fate =
        hostile.fate === 'accepted' || hostile.kind === 'nothing, or no object' ? null : hostile.fate;
      return { ...hostile, endpoint: 'ed-fi/students', bytes: Buffer.from(text, 'latin1'), fate };
    },
    valid: (code) => ({ endpoint: 'ed-fi/students', bytes: Buffer.from(`{${student(code)}}`) }),
    kept: (sent) =>
      Object.fromEntries(
        Object.entries(sent as object).filter(
          ([name, value]) => known.includes(name) && value !== null && !isDeepStrictEqual(value, []),
        ),
      ),
  };
}

async function submitAlone(world: FuzzWorld, mode: Mode, sent: readonly HostileLike[]): Promise<Answer[]> {
  return Promise.all(
    sent.map(async ({ endpoint, bytes }) => {
      const { statusCode, headers, body } = await world.nodes[mode].inject({
        method: 'POST',
        url: `/data/${endpoint}`,
        headers: { 'content-type': 'application/json' },
        payload: bytes,
      });
      const isProblem = String(headers['content-type']).startsWith('application/problem+json');
      return {
        status: statusCode,
        id: headers.location?.split('/').at(-1) ?? null,
        text: body,
        problem: isProblem ? (JSON.parse(body) as Record<string, unknown>) : null,
      };
    }),
  );
}

type HostileLike = Pick<HostileDocument, 'endpoint' | 'bytes'>;

async function submitBulk(world: FuzzWorld, mode: Mode, sent: readonly HostileLike[]): Promise<Answer[]> {
  const lines = sent.map(({ endpoint, bytes }) =>
    Buffer.concat([Buffer.from(`{"endpoint":"${endpoint}","document":`), bytes, Buffer.from('}\n')]),
  );
  const { statusCode, body } = await world.nodes[mode].inject({
    method: 'POST',
    url: '/bulk',
    headers: { 'content-type': 'application/x-ndjson' },
    payload: Buffer.concat(lines),
  });
  expect(statusCode).toBe(200);
  const answers: Answer[] = [];
  for (const text of body.split('\n').filter(Boolean)) {
    const {
      line,
      status,
      id = null,
      problem = null,
    } = JSON.parse(text) as Partial<Answer> & { line: number; status: number };
    expect(answers[line - 1]).toBe(undefined);
    answers[line - 1] = { status, id, text, problem };
  }
  expect(answers.filter(Boolean).length).toBe(sent.length);
  return answers;
}

function fuzzDocuments(
  title: string,
  share: number,
  world: FuzzWorld,
  dialectOf: () => Dialect | Promise<Dialect>,
): void {
  const campaign = new Campaign(title);
  const { cases, timeoutMs } = casesOf(share);
  let valid = 0;

  async function burst(
    dialect: Dialect,
    kind: string,
    number: number,
    size: number,
    isBig: boolean,
  ): Promise<void> {
    const rng = rngOf(`${title} burst of ${kind}`, number);
    const grammar = (documentKinds[kind] ?? bigKinds[kind])!;
    const hostile: Case[] = [];
    for (let index = number; index < number + size; index++) {
      const code = `f${kind.length}${kind.charCodeAt(0)}-${index}`;
      const made = dialect.fit({ kind, number: index, ...grammar(rngOf(kind, index), code) });
      if (made !== null) hostile.push(made);
    }
    if (hostile.length === 0) return;
    const beside = Array.from({ length: size === 1 ? 1 : neighbours }, () =>
      dialect.valid(`valid-${++valid}`),
    );
    const mode = rng.pick(['coordinated', 'coordinated', 'coordinated', 'local', 'direct'] as const);
    // A newline would end the line of a bulk request.
    const goesInBulk = rng.chance(0.6) && !isBig && !hostile.some(({ bytes }) => bytes.includes(0x0a));
    const sent = rng.shuffle<HostileLike>([...hostile, ...beside]);
    const answers = await within(
      hangMs,
      `${kind}, from ${number} on`,
      (goesInBulk ? submitBulk : submitAlone)(world, mode, sent),
    );
    const answerOf = (each: HostileLike): Answer => answers[sent.indexOf(each)]!;
    for (const each of beside) {
      const { status, text } = answerOf(each);
      if (status !== 201) campaign.fault(kind, number, `a neighbour got ${status} ${text}`, each.bytes);
    }
    campaign.count('valid neighbours', 'accepted', beside.length);
    for (const each of hostile) judge(each, answerOf(each));
    await compare(
      dialect,
      hostile.filter((each) => answerOf(each).status < 300),
      answerOf,
    );
  }

  function judge({ kind, number, bytes, fate }: Case, { status, text, problem }: Answer): void {
    const became = status < 300 ? 'accepted' : 'refused';
    campaign.count(kind, became);
    const fault = (what: string): void =>
      campaign.fault(kind, number, `${what}: ${status} ${text.slice(0, 600)}`, bytes);
    if (fate !== null && fate !== became) fault(`${became}, and not ${fate}`);
    if (became === 'accepted') return;
    if (status < 400 || status > 499 || problem?.['status'] !== status) fault('no problem of the client');
    // A place is told by keys, and in a spoiled text a value may stand where a key would.
    if (text.includes(canary)) fault('shows what it refuses');
    // Too large is all that there is to say of what was not read.
    if (status !== 413 && !hasPlace(problem ?? {})) fault('does not say where');
  }

  /** What was taken must be there as it was sent. */
  async function compare(
    dialect: Dialect,
    accepted: readonly Case[],
    answerOf: (each: Case) => Answer,
  ): Promise<void> {
    if (accepted.length === 0) return;
    const client = await connection();
    const ids = accepted.map((each) => answerOf(each).id);
    const { rows } = await client.query<{ id: string; body: string }>(
      'select document_id as id, body::text as body from sluice.document where document_id = any($1)',
      [ids],
    );
    const bodies = new Map(rows.map(({ id, body }) => [id, exactJson(body)]));
    accepted.forEach((each, index) => {
      const same = accepted.filter((_other, place) => ids[place] === ids[index]);
      const isThere = same.some(({ bytes }) =>
        isDeepStrictEqual(dialect.kept(exactJson(bytes.toString())), bodies.get(ids[index]!)),
      );
      const answer = `${ids[index]} ${JSON.stringify(bodies.get(ids[index]!))?.slice(0, 300)}`;
      if (same.length > 1) campaign.fault(each.kind, each.number, `overwrote another: ${answer}`, each.bytes);
      else if (!isThere)
        campaign.fault(each.kind, each.number, `is stored as something else: ${answer}`, each.bytes);
    });
  }

  let connected: ReturnType<typeof openConnection> | null = null;
  const connection = () => (connected ??= openConnection(world.url));

  test(
    'hostile documents are stored unchanged or refused with the place, and affect no other',
    { timeout: timeoutMs },
    async () => {
      const dialect = await dialectOf();
      const kinds = Object.keys(documentKinds);
      const each = Math.ceil(cases / kinds.length);
      for (const kind of kinds) {
        let number = 0;
        for (const alone = Math.ceil(each / 20); number < alone; number++)
          await burst(dialect, kind, number, 1, false);
        const bursts: [number: number, size: number][] = [];
        for (; number < each; number += burstSize) bursts.push([number, Math.min(burstSize, each - number)]);
        while (bursts.length > 0)
          await Promise.all(
            bursts.splice(0, 4).map(([from, size]) => burst(dialect, kind, from, size, false)),
          );
      }
      for (const kind of Object.keys(bigKinds)) {
        for (let number = 0; number < Math.ceil(cases / 2_000); number++)
          await burst(dialect, kind, number * 2, 2, true);
      }
      expect(campaign.faults).toEqual([]);
      expect(world.logged()).not.toContain(canary);
      expect(world.logged()).not.toMatch(/"level":(50|60)/);
    },
  );
}

/** Whether a problem names a place in the document. */
function hasPlace({ errors, validationErrors }: Record<string, unknown>): boolean {
  const paths = [
    ...((errors ?? []) as { path?: string }[]).map((error) => (typeof error === 'string' ? '$' : error.path)),
    ...Object.keys(validationErrors ?? {}),
  ];
  return paths.length > 0 && paths.every((path) => path?.startsWith('$') === true);
}

describe('hostile documents', () => {
  fuzzDocuments('hostile documents', 0.62, useFuzzWorld(), () => native);
});

describe.skipIf(isEdFiAbsent)('hostile documents, to a node that speaks Ed-Fi', () => {
  fuzzDocuments('hostile documents, Ed-Fi', 0.12, useFuzzWorld({ profile: 'edfi' }), edFi);
});
