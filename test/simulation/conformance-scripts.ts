// Little scripts of named statements by two sessions, and what comes of them: run on the simulated server and on the real
// one, to show that the first waits, sees and refuses as the second does.

import type { DatabaseError, Row, Session } from '@sluice/store';

type SessionName = 'a' | 'b';
type Step = [session: SessionName, name: string, values?: unknown[]];

const id = (number: number): string => `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
const document = (number: number): unknown[] => [
  [id(number)],
  [0],
  ['chaos/things'],
  [id(100 + number)],
  [null],
  [1],
  ['hash'],
  ['{}'],
];
const outcome = (number: number): unknown[] => [
  id(500),
  [id(number)],
  [null],
  [0],
  ['created'],
  [null],
  ['chaos/things'],
  [''],
  [null],
  [null],
  [null],
  [null],
];
/** Of no intake: identities that documents get, and what they refer to. */
const settle = (aliases: [alias: number, document: number][], references: [number, number][]): unknown[] => [
  id(500),
  ...Array.from({ length: 12 }, () => []),
  false,
  aliases.map(([alias]) => id(alias)),
  aliases.map(([, document]) => id(document)),
  aliases.map(() => 0),
  references.map(([document]) => id(document)),
  references.map(([, alias]) => id(alias)),
  references.map(() => 0),
];
const insert = (number: number): unknown[] => [
  [id(number)],
  [0],
  ['upsert'],
  ['chaos/things'],
  [id(number)],
  [id(100 + number)],
  [null],
  ['{}'],
  ['hash'],
  [null],
  [''],
  [null],
  [null],
  [1],
  ['{}'],
  false,
  false,
  [],
];

export const scripts: Record<string, Step[]> = {
  'a delete waits for a reference and is refused': [
    ['a', 'insertDocuments', document(1)],
    ['a', 'settleWrites', settle([[101, 1]], [])],
    ['b', 'begin'],
    ['b', 'insertDocuments', document(2)],
    ['b', 'settleWrites', settle([], [[2, 101]])],
    ['a', 'begin'],
    ['a', 'removeAliases', [[id(1)]]],
    ['b', 'commit'],
    ['a', 'rollback'],
  ],
  'a reference waits for a delete and is refused': [
    ['a', 'insertDocuments', document(3)],
    ['a', 'settleWrites', settle([[103, 3]], [])],
    ['a', 'begin'],
    ['a', 'removeAliases', [[id(3)]]],
    ['b', 'begin'],
    ['b', 'insertDocuments', document(4)],
    ['b', 'settleWrites', settle([], [[4, 103]])],
    ['a', 'commit'],
    ['b', 'rollback'],
  ],
  'a key waits for its twin and is refused once that is committed': [
    ['a', 'begin'],
    ['a', 'insertOutcomes', outcome(10)],
    ['b', 'insertOutcomes', outcome(10)],
    ['a', 'commit'],
  ],
  'a key waits for its twin and is taken once that is rolled back': [
    ['a', 'begin'],
    ['a', 'insertOutcomes', outcome(11)],
    ['b', 'insertOutcomes', outcome(11)],
    ['a', 'rollback'],
    ['b', 'readSettled', [[id(11)]]],
  ],
  'a statement sees what was committed before it, not before its transaction': [
    ['b', 'begin'],
    ['b', 'readReady', [[0], 10, [0]]],
    ['a', 'begin'],
    ['a', 'insertIntake', insert(20)],
    ['b', 'readReady', [[0], 10, [0]]],
    ['a', 'commit'],
    ['b', 'readReady', [[0], 10, [0]]],
    ['b', 'removeIntake', [[id(20)]]],
    ['b', 'commit'],
  ],
  'a count that differs ends the transaction, and its COMMIT rolls back': [
    ['a', 'begin'],
    ['a', 'removeIntake', [[id(21)]]],
    ['a', 'readSettled', [[id(21)]]],
    ['a', 'commit'],
  ],
  'a new term waits for a batch of the old one': [
    ['a', 'begin'],
    ['a', 'lockTerms', [[0, 1]]],
    ['b', 'openTerms', [[0], id(900)]],
    ['a', 'commit'],
  ],
  'a lock of a lane belongs to one session': [
    ['a', 'tryLanes', [[0, 1]]],
    ['b', 'tryLanes', [[0, 2]]],
    ['a', 'unlockLanes', [[0, 1]]],
    ['b', 'tryLanes', [[1]]],
  ],
  'two transactions that wait for each other are told apart': [
    ['a', 'begin'],
    ['a', 'lockTerms', [[2]]],
    ['b', 'begin'],
    ['b', 'lockTerms', [[3]]],
    ['a', 'lockTerms', [[3]]],
    ['b', 'lockTerms', [[2]]],
    ['a', 'rollback'],
    ['b', 'rollback'],
  ],
};

/** Columns that hold times, or what differs from run to run. */
const passing = new Set([
  'accepted_at',
  'body',
  'position',
  'waited_seconds',
  'traceparent',
  'count',
  'expect_rows',
  'pg_notify',
]);

function told(rows: readonly Row[]): Row[] {
  return rows
    .map((row) =>
      Object.fromEntries(
        Object.entries(row)
          .filter(([name]) => !passing.has(name))
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
    )
    .filter((row) => Object.keys(row).length > 0);
}

/** What each step came to, in the order of the script; those that had to wait are told as such. */
export async function runScript(
  steps: readonly Step[],
  open: () => Promise<Session>,
  waitMs: number,
): Promise<string[]> {
  const sessions = { a: await open(), b: await open() };
  const results: Promise<string>[] = [];
  const waited = new Set<number>();
  const last: Record<SessionName, Promise<unknown>> = { a: Promise.resolve(), b: Promise.resolve() };
  for (const [index, [session, name, values = []]] of steps.entries()) {
    // One that waits is answered before the next of its session is sent.
    await Promise.race([last[session], new Promise((resolve) => setTimeout(resolve, waitMs * 8))]);
    const result = sessions[session].flight([{ name, values }]).then(
      ([answer]) => JSON.stringify(told(answer?.rows ?? [])),
      (error: unknown) => {
        const { sqlState, constraint } = error as DatabaseError;
        return `${sqlState} ${constraint ?? ''}`.trim();
      },
    );
    results.push(result);
    last[session] = result;
    const isWaiting = await Promise.race([
      result.then(() => false),
      new Promise<boolean>((resolve) => setTimeout(resolve, waitMs, true)),
    ]);
    if (isWaiting) waited.add(index);
  }
  const all = await Promise.all(results);
  await Promise.all([sessions.a.close(), sessions.b.close()]);
  return all.map((result, index) => {
    const [session, name] = steps[index] ?? ['a', ''];
    return `${session} ${name}${waited.has(index) ? ' waits' : ''}: ${result}`;
  });
}
