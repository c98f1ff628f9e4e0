// Little scripts of named statements by a few sessions, and what comes of them: run on the simulated server and on the real
// one, to show that the first waits, sees and refuses as the second does.

import type { DatabaseError, Row, Session } from 'sluice/internal/store';

export type SessionName = 'a' | 'b' | 'c';
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
  null,
];
const insert = (number: number, lane = 0, key: string | null = null): unknown[] => [
  [id(number)],
  [lane],
  ['upsert'],
  ['chaos/things'],
  [id(number)],
  [id(100 + number)],
  [null],
  ['{}'],
  ['hash'],
  [null],
  [''],
  [key],
  [null],
  [1],
  ['{}'],
  [],
  false,
  [],
  [],
  [],
  true,
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
    ['b', 'readReady', [[0], 10, [0], 0, true]],
    ['a', 'begin'],
    ['a', 'insertIntake', insert(20)],
    ['b', 'readReady', [[0], 10, [0], 0, true]],
    ['a', 'commit'],
    ['b', 'readReady', [[0], 10, [0], 0, true]],
    ['b', 'removeIntake', [[id(20)]]],
    ['b', 'commit'],
  ],
  'the first ready write tells which identities of all exist': [
    ['a', 'insertDocuments', document(70)],
    ['a', 'settleWrites', settle([[170, 70]], [])],
    ['a', 'insertIntake', insert(71)],
    ['a', 'insertIntake', insert(70)],
    ['a', 'readReady', [[0], 10, [0], 0, true]],
    ['a', 'readReady', [[0], 10, [0], 0, false]],
    ['a', 'removeIntake', [[id(70), id(71)]]],
  ],
  'an insert leaves out a write whose key belongs to an earlier one': [
    ['a', 'begin'],
    ['a', 'insertIntake', insert(60, 0, 'key')],
    ['b', 'insertIntake', insert(61, 0, 'key')],
    ['a', 'commit'],
    ['b', 'insertIntake', insert(62, 0, 'key')],
    ['b', 'insertIntake', insert(63, 0, 'another')],
    ['b', 'readReady', [[0], 10, [0], 0, true]],
    ['b', 'removeIntake', [[id(60), id(61), id(63)]]],
  ],
  'who has written to the intake is seen to write until its end': [
    ['a', 'begin'],
    ['a', 'readReady', [[0], 10, [0], 0, true]],
    ['b', 'readWriting'],
    ['a', 'insertIntake', insert(27)],
    ['b', 'readWriting'],
    ['c', 'begin'],
    ['c', 'insertIntake', insert(28)],
    ['c', 'readWriting'],
    ['a', 'rollback'],
    ['b', 'readWriting'],
    ['c', 'rollback'],
    ['b', 'readWriting'],
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
  'lanes that somebody works on, or that are paused, are passed over': [
    ['a', 'begin'],
    ['a', 'lockTerms', [[1]]],
    ['b', 'begin'],
    ['b', 'lockFreeTerms', [[0, 1]]],
    ['c', 'begin'],
    ['c', 'lockFreeTerms', [[0, 1]]],
    ['a', 'commit'],
    ['c', 'lockFreeTerms', [[0, 1]]],
    ['b', 'rollback'],
    ['c', 'lockFreeTerms', [[0, 1]]],
    ['c', 'rollback'],
  ],
  'who awaits an identity is hinted': [
    ['a', 'hintAwaited', [[id(779)], ['no ids']]],
    ['a', 'insertIntake', insert(29, 1)],
    ['a', 'addAwaited', [[id(29)], [id(779)], [1]]],
    ['a', 'hintAwaited', [[id(778), id(779)], ['no ids']]],
    ['a', 'removeAwaited', [[id(29)]]],
    ['a', 'removeIntake', [[id(29)]]],
  ],
  'a lock of a lane belongs to one session': [
    ['a', 'tryLanes', [[0, 1]]],
    ['b', 'tryLanes', [[0, 2]]],
    ['a', 'unlockLanes', [[0, 1]]],
    ['b', 'tryLanes', [[1]]],
  ],
  'sessions that lead come first, and the greatest number that one of them shows counts': [
    ['a', 'announceSession'],
    ['a', 'showDemand', [10_000, null]],
    ['b', 'announceSession'],
    ['a', 'heartbeat', [[], id(901), false, [], null]],
    ['b', 'heartbeat', [[], id(902), false, [], null]],
    ['b', 'showDemand', [10_000, null]],
    ['b', 'tryLanes', [[1]]],
    ['a', 'readTakenLanes', [false]],
    ['b', 'showDemand', [32_095, 10_000]],
    ['a', 'heartbeat', [[], id(901), false, [], null]],
    ['b', 'heartbeat', [[1], id(902), false, [0], null]],
    ['b', 'retireSession'],
    ['a', 'heartbeat', [[], id(901), false, [], null]],
    ['b', 'unlockLanes', [[1]]],
    ['a', 'readTakenLanes', [false]],
  ],
  'sessions that lease are in the order in which they joined': [
    ['a', 'renewLeases', [id(903), id(901), [], [], 60_000, 1, 'quiet', 0]],
    ['b', 'renewLeases', [id(902), id(901), [], [], 60_000, 2, 'full', 95]],
    ['a', 'heartbeat', [[], id(901), true, [], id(903)]],
    ['a', 'readTakenLanes', [true]],
    ['b', 'heartbeat', [[], id(901), true, [], id(902)]],
    ['a', 'endLease', [id(903)]],
    ['b', 'heartbeat', [[], id(901), true, [], id(902)]],
    ['b', 'endLease', [id(902)]],
  ],
  'a statement that has waited for a row changes it as it is then': [
    ['a', 'begin'],
    ['a', 'openTerms', [[1], id(901)]],
    ['b', 'openTerms', [[1], id(902)]],
    ['a', 'commit'],
    ['a', 'lockTerms', [[1]]],
  ],
  'a statement behind a lock that was waited for sees what was committed meanwhile': [
    ['a', 'begin'],
    ['a', 'lockTerms', [[1]]],
    ['a', 'insertIntake', insert(22, 1)],
    ['b', 'begin'],
    ['b', 'readReady', [[1], 10, [0], 0, true]],
    ['b', 'lockTerms', [[1]]],
    ['a', 'commit'],
    ['b', 'readReady', [[1], 10, [0], 0, true]],
    ['b', 'removeIntake', [[id(22)]]],
    ['b', 'commit'],
  ],
  'a read before the lock shows what is settled once the lock is held': [
    ['a', 'insertIntake', insert(23, 1)],
    ['a', 'begin'],
    ['a', 'lockTerms', [[1]]],
    ['a', 'insertOutcomes', outcome(23)],
    ['a', 'removeIntake', [[id(23)]]],
    ['b', 'begin'],
    ['b', 'readReady', [[1], 10, [0], 0, true]],
    ['b', 'lockTerms', [[1]]],
    ['a', 'commit'],
    ['b', 'removeIntake', [[id(23)]]],
    ['b', 'rollback'],
  ],
  'a cancellation waits for a batch and tells what that has settled': [
    ['a', 'insertIntake', insert(24, 1)],
    ['a', 'begin'],
    ['a', 'lockTerms', [[1]]],
    ['a', 'insertOutcomes', outcome(24)],
    ['a', 'removeIntake', [[id(24)]]],
    ['b', 'cancelWrites', [id(501), [id(24)], [1], ['chaos/things'], ['']]],
    ['a', 'commit'],
  ],
  'a cancellation takes what a write awaits before it takes the write': [
    ['a', 'insertIntake', insert(26, 1)],
    ['a', 'addAwaited', [[id(26)], [id(777)], [1]]],
    ['b', 'begin'],
    ['b', 'blockWrites', [[id(26)], false]],
    ['a', 'cancelWrites', [id(503), [id(26)], [1], ['chaos/things'], ['']]],
    ['c', 'removeAwaited', [[id(26)]]],
    ['b', 'rollback'],
  ],
  'a batch waits for a cancellation and finds the write no more': [
    ['a', 'insertIntake', insert(25, 1)],
    ['a', 'begin'],
    ['a', 'cancelWrites', [id(502), [id(25)], [1], ['chaos/things'], ['']]],
    ['b', 'begin'],
    ['b', 'lockTerms', [[1]]],
    ['a', 'commit'],
    ['b', 'readReady', [[1], 10, [0], 0, true]],
    ['b', 'readWrites', [[id(25)], true]],
    ['b', 'rollback'],
  ],
  'documents are locked in the order of their ids, so one that waits holds no later one': [
    ['a', 'insertDocuments', document(30)],
    ['a', 'insertDocuments', document(31)],
    ['a', 'begin'],
    ['a', 'lockDocuments', [[id(30)]]],
    ['b', 'begin'],
    ['b', 'lockDocuments', [[id(31), id(30)]]],
    ['c', 'begin'],
    ['c', 'lockDocuments', [[id(31)]]],
    ['a', 'rollback'],
    ['c', 'rollback'],
    ['b', 'rollback'],
  ],
  'a document that is locked is told as locked, and the others are locked': [
    ['a', 'insertDocuments', document(50)],
    ['a', 'insertDocuments', document(51)],
    ['a', 'begin'],
    ['a', 'lockDocuments', [[id(50)]]],
    ['b', 'begin'],
    ['b', 'lockFreeDocuments', [[id(50), id(51), id(52)]]],
    ['c', 'begin'],
    ['c', 'lockFreeDocuments', [[id(50), id(51)]]],
    ['a', 'rollback'],
    ['c', 'lockFreeDocuments', [[id(50), id(51)]]],
    ['b', 'rollback'],
    ['c', 'lockFreeDocuments', [[id(50), id(51)]]],
    ['c', 'rollback'],
  ],
  'whatever a batch may have to wait for can be looked for': [
    ['a', 'insertDocuments', document(53)],
    ['a', 'insertDocuments', document(54)],
    ['a', 'settleWrites', settle([[153, 53]], [[54, 153]])],
    ['a', 'insertIntake', insert(55)],
    ['a', 'begin'],
    ['a', 'lockReferred', [[id(153)]]],
    ['a', 'lockTaken', [[id(55)]]],
    ['a', 'lockParts', [[id(54)], []]],
    ['b', 'begin'],
    ['b', 'lockReferred', [[id(153)]]],
    ['b', 'lockTaken', [[id(55)]]],
    ['b', 'lockParts', [[id(54)], [id(53)]]],
    ['b', 'rollback'],
    ['b', 'begin'],
    ['b', 'lockParts', [[], [id(54)]]],
    ['b', 'rollback'],
    ['a', 'removeIntake', [[id(55)]]],
    ['a', 'commit'],
  ],
  'a write that was blocked comes before later ones, even if it is ready again': [
    ['a', 'insertIntake', insert(71, 2)],
    ['a', 'insertIntake', insert(72, 2)],
    ['a', 'blockWrites', [[id(71)], false]],
    ['a', 'readWrites', [[id(71), id(72)], true]],
    ['a', 'blockWrites', [[id(71), id(72)], true]],
    ['a', 'addAwaited', [[id(71)], [id(170)], [2]]],
    ['a', 'readAhead', [[id(171), id(172)], [], [], 1_000_000]],
    ['a', 'wakeAwaiting', [[id(170)], [], [2], 10]],
    ['a', 'readAhead', [[id(171), id(172)], [], [], 1_000_000]],
    ['a', 'readAhead', [[id(171), id(172)], [], [], 0]],
    ['a', 'readAhead', [[id(171), id(172)], [], [id(71)], null]],
    ['a', 'removeIntake', [[id(71), id(72)]]],
  ],
  'a document with another lane is told, and the first write that waits for its id': [
    ['a', 'insertDocuments', document(75)],
    ['a', 'insertIntake', insert(76, 0)],
    [
      'a',
      'insertIntake',
      insert(77, 0)
        .with(2, ['delete'])
        .with(4, [id(75)]),
    ],
    [
      'a',
      'insertIntake',
      insert(78, 3)
        .with(2, ['update'])
        .with(4, [id(75)]),
    ],
    ['a', 'moveUpdates', [[id(75)], [id(78)], [0], [id(178)], [null], [2], ['hash'], [1]]],
    ['a', 'lockDocuments', [[id(75)]]],
    ['a', 'moveUpdates', [[id(75)], [id(78)], [3], [id(178)], [null], [3], ['hash'], [2]]],
    ['a', 'lockDocuments', [[id(75)]]],
    ['a', 'moveUpdates', [[id(75)], [id(78)], [3], [id(178)], [null], [4], ['hash'], [3]]],
    ['a', 'lockFreeDocuments', [[id(75)]]],
    ['a', 'readEarlierWrites', [[id(75)], [id(78)], 1_000_000]],
    ['a', 'readEarlierWrites', [[id(75)], [id(77), id(78)], 1_000_000]],
    ['a', 'readEarlierWrites', [[id(75)], [], 0]],
    ['a', 'removeIntake', [[id(76), id(77), id(78)]]],
    ['a', 'removeDocuments', [[id(75)], [4]]],
  ],
  'a transaction waits for a lock no longer than it likes': [
    ['a', 'begin'],
    ['a', 'lockTerms', [[3]]],
    ['b', 'begin'],
    ['b', 'limitLockWait', ['1500ms']],
    ['b', 'lockTerms', [[3]]],
    ['b', 'rollback'],
    ['a', 'rollback'],
  ],
  'a lane whose row is locked is neither opened nor closed': [
    ['a', 'begin'],
    ['a', 'lockTerms', [[3]]],
    ['b', 'openTerms', [[2, 3], id(903)]],
    [
      'b',
      'closeTerms',
      [
        [2, 3],
        [1, 1],
      ],
    ],
    ['a', 'rollback'],
    ['b', 'openTerms', [[3], id(903)]],
  ],
  'an identity of a document is not in the way of its update': [
    ['a', 'insertDocuments', document(32)],
    ['a', 'begin'],
    ['a', 'lockDocuments', [[id(32)]]],
    ['b', 'settleWrites', settle([[132, 32]], [])],
    ['a', 'rollback'],
  ],
  'two references to one identity do not wait for each other': [
    ['a', 'insertDocuments', document(33)],
    ['a', 'insertDocuments', document(34)],
    ['a', 'settleWrites', settle([[133, 33]], [])],
    ['a', 'begin'],
    ['a', 'settleWrites', settle([], [[33, 133]])],
    ['b', 'settleWrites', settle([], [[34, 133]])],
    ['a', 'commit'],
  ],
  'a delete is refused while the end of a reference to it is not committed': [
    ['a', 'insertDocuments', document(35)],
    ['a', 'insertDocuments', document(36)],
    ['a', 'settleWrites', settle([[135, 35]], [])],
    ['a', 'settleWrites', settle([], [[36, 135]])],
    ['a', 'begin'],
    ['a', 'removeReferences', [[id(36)], [id(135)]]],
    ['b', 'removeAliases', [[id(35)]]],
    ['a', 'commit'],
    ['b', 'removeAliases', [[id(35)]]],
  ],
  'a transaction that has failed holds nothing any more': [
    ['a', 'begin'],
    ['a', 'insertOutcomes', outcome(37)],
    ['a', 'removeIntake', [[id(37)]]],
    ['b', 'insertOutcomes', outcome(37)],
    ['a', 'rollback'],
  ],
  'a cycle of two who wait for documents is broken, and the other goes on at once': [
    ['a', 'insertDocuments', document(40)],
    ['a', 'insertDocuments', document(41)],
    ['a', 'begin'],
    ['a', 'lockDocuments', [[id(40)]]],
    ['b', 'begin'],
    ['b', 'lockDocuments', [[id(41)]]],
    ['a', 'lockDocuments', [[id(41)]]],
    ['b', 'lockDocuments', [[id(40)]]],
    ['a', 'readSettled', [[]]],
    ['b', 'commit'],
    ['a', 'rollback'],
  ],
  'a cycle of two who wait for keys is broken': [
    ['a', 'begin'],
    ['a', 'insertOutcomes', outcome(43)],
    ['b', 'begin'],
    ['b', 'insertOutcomes', outcome(44)],
    ['a', 'insertOutcomes', outcome(44)],
    ['b', 'insertOutcomes', outcome(43)],
    ['b', 'commit'],
    ['a', 'commit'],
    ['a', 'readSettled', [[id(43), id(44)]]],
  ],
  'a delete and a reference that wait for each other are told apart': [
    ['a', 'insertDocuments', document(45)],
    ['a', 'insertDocuments', document(46)],
    [
      'a',
      'settleWrites',
      settle(
        [
          [145, 45],
          [146, 46],
        ],
        [],
      ),
    ],
    ['a', 'begin'],
    ['a', 'lockDocuments', [[id(45)]]],
    ['b', 'begin'],
    ['b', 'removeAliases', [[id(46)]]],
    ['b', 'lockDocuments', [[id(45)]]],
    ['a', 'settleWrites', settle([], [[45, 146]])],
    ['a', 'commit'],
    ['b', 'rollback'],
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
  'woken_from',
  'waited_seconds',
  'traceparent',
  'transactions',
  'count',
  // Process ids.
  'session_pids',
  'expect_rows',
  'set_config',
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

/** Where a script is run. */
export interface Stage {
  open(session: SessionName): Promise<Session>;
  /** Whether each of these sessions, none of which has been answered, waits for another: asked again until it is so. */
  areWaiting(sessions: readonly SessionName[]): Promise<boolean>;
  /** Until a session that was told an error has given up its locks, which PostgreSQL does after it has told. */
  untilAborted(session: SessionName): Promise<void>;
}

/**
 * What each step came to, in the order of the script; those that had to wait are told as such. A step is sent once all
 * before it have been answered or wait for another session, so those that it sets free have gone on before the next.
 */
export async function runScript(steps: readonly Step[], stage: Stage): Promise<string[]> {
  const sessions = { a: await stage.open('a'), b: await stage.open('b'), c: await stage.open('c') };
  const results: Promise<string>[] = [];
  const waited = new Set<number>();
  const unanswered = new Map<SessionName, Promise<string>>();
  for (const [index, [session, name, values = []]] of steps.entries()) {
    // One that waits is answered before the next of its session is sent.
    await unanswered.get(session);
    const result = sessions[session]
      .flight([{ name, values }])
      .then(
        ([answer]) => JSON.stringify(told(answer?.rows ?? [])),
        async (error: unknown) => {
          await stage.untilAborted(session);
          const { sqlState, constraint } = error as DatabaseError;
          return `${sqlState} ${constraint ?? ''}`.trim();
        },
      )
      .finally(() => unanswered.delete(session));
    results.push(result);
    unanswered.set(session, result);
    while (unanswered.size > 0 && !(await stage.areWaiting([...unanswered.keys()])));
    if (unanswered.has(session)) waited.add(index);
  }
  const all = await Promise.all(results);
  await Promise.all(Object.values(sessions).map((session) => session.close()));
  return all.map((result, index) => {
    const [session, name] = steps[index] ?? ['a', ''];
    return `${session} ${name}${waited.has(index) ? ' waits' : ''}: ${result}`;
  });
}
