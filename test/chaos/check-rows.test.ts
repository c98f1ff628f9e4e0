// The check of rows is checked: a sound run passes, and each kind of violation, planted by hand, is told by its own word.

import { expect, test } from 'vitest';
import { checkRows } from './check-rows.ts';
import type { LedgerRow, RowRequest, RowTruth } from './row-history.ts';
import { Verdict, violations } from './verdict.ts';

type Run = {
  requests: Map<number, RowRequest>;
  truth: { -readonly [Name in keyof RowTruth]: RowTruth[Name] };
};

let token = 0;

function asked(t: number, ackedAt: number, more: Partial<RowRequest>): RowRequest {
  return {
    token: token++,
    target: 'account',
    operation: 'insert',
    key: null,
    shelf: null,
    rows: 1,
    hasIdempotencyKey: false,
    invokedAt: t,
    ackedAt,
    endedAt: ackedAt,
    tries: 1,
    acks: Number.isFinite(ackedAt) ? 1 : 0,
    fails: 0,
    results: new Set(Number.isFinite(ackedAt) ? ['created'] : []),
    codes: new Set(),
    ...more,
  };
}

const never = Number.POSITIVE_INFINITY;
/** Nobody was told. */
const failed = (code: string): Partial<RowRequest> => ({ fails: 1, codes: new Set([code]), endedAt: 90 });

/** All that a workload does, once each, in order. */
function soundRun(): Run & { of: Record<string, RowRequest> } {
  token = 0;
  const shelf = asked(0, 10, { target: 'shelf', key: 's' });
  const entry = asked(5, 11, { target: 'entry', key: 'e', shelf: 's' });
  const made = asked(20, 30, { key: 'a' });
  const changed = asked(31, 40, { key: 'a', operation: 'update' });
  const gone = asked(41, 50, { key: 'a', operation: 'delete' });
  const array = asked(0, 10, { target: 'event', rows: 2 });
  const early = asked(0, 10, { target: 'gauge', operation: 'upsert', key: 'g' });
  const late = asked(11, 20, { target: 'gauge', operation: 'upsert', key: 'g' });
  const count = asked(0, 10, { target: 'counter', key: 'c' });
  const unknown = asked(60, never, { target: 'event' });
  const refused = asked(0, never, {
    target: 'entry',
    key: 'f',
    shelf: 'none',
    ...failed('unresolved_reference'),
  });
  const all = { shelf, entry, made, changed, gone, array, early, late, count, unknown, refused };
  const change = (
    request: RowRequest,
    op: LedgerRow['op'],
    key = request.key ?? `${request.token}/0`,
  ): LedgerRow => ({
    seq: 0,
    target: request.target,
    key,
    op,
    token: request.token,
  });
  const ledger = [
    change(shelf, 'INSERT'),
    change(entry, 'INSERT'),
    change(made, 'INSERT'),
    change(changed, 'UPDATE'),
    change(changed, 'DELETE'),
    change(array, 'INSERT'),
    change(array, 'INSERT', `${array.token}/1`),
    change(count, 'INSERT'),
  ];
  return {
    of: all,
    requests: new Map(Object.values(all).map((request) => [request.token, request])),
    truth: {
      ledger: ledger.map((row, seq) => ({ ...row, seq })),
      gauges: [{ name: 'g', token: late.token }],
      counters: [{ counter: 'c', n: 1 }],
      events: [{ token: array.token, rows: 2 }],
      rows: [shelf, entry].map(({ target, key, token }) => ({ target, key: key!, token })),
      orphans: 0,
    },
  };
}

function kindsOf({ requests, truth }: Run): string[] {
  const verdict = new Verdict();
  checkRows(requests, truth, verdict);
  return violations.filter((violation) => verdict.counts[violation] > 0);
}

test('a sound run of rows has no violation, and counts unknown writes that were applied', () => {
  const run = soundRun();
  expect(kindsOf(run)).toEqual([]);
  const verdict = new Verdict();
  const { token } = run.of['unknown']!;
  const ledger = [...run.truth.ledger, { seq: 9, target: 'event', key: 'u', op: 'INSERT' as const, token }];
  checkRows(
    run.requests,
    { ...run.truth, ledger, events: [...run.truth.events, { token, rows: 1 }] },
    verdict,
  );
  expect(verdict.isSound).toBe(true);
  expect(verdict.counts).toMatchObject({ attempts: 11, ok: 9, fail: 1, info: 1, recovered: 1 });
});

test.each<[string, string[], (run: ReturnType<typeof soundRun>) => void]>([
  [
    'a row that was acknowledged and is not there',
    ['lost'],
    ({ truth }) => {
      truth.ledger = truth.ledger.filter(({ target }) => target !== 'shelf');
      truth.rows = truth.rows.filter(({ target }) => target !== 'shelf');
    },
  ],
  [
    'a row that is there twice',
    ['duplicated'],
    ({ truth, of }) => {
      truth.ledger = [
        ...truth.ledger,
        { seq: 9, target: 'event', key: 'x', op: 'INSERT', token: of['array']!.token },
      ];
      truth.events = [{ token: of['array']!.token, rows: 3 }];
    },
  ],
  [
    'an array of which one row is there',
    ['lost'],
    ({ truth, of }) => {
      truth.ledger = truth.ledger.filter(({ key }) => key !== `${of['array']!.token}/1`);
      truth.events = [{ token: of['array']!.token, rows: 1 }];
    },
  ],
  [
    'an order that the clients cannot have seen',
    ['reordered'],
    ({ truth, of }) => {
      const [made] = truth.ledger.filter(({ op, target }) => op === 'INSERT' && target === 'account');
      truth.ledger = truth.ledger.map((row) =>
        row === made
          ? { ...row, op: 'UPDATE', token: of['changed']!.token }
          : row.op === 'UPDATE'
            ? made!
            : row,
      );
    },
  ],
  [
    'a delete that was acknowledged and is not there',
    ['lost'],
    ({ truth, of }) => {
      truth.ledger = truth.ledger.filter(({ op }) => op !== 'DELETE');
      truth.rows = [...truth.rows, { target: 'account', key: 'a', token: of['changed']!.token }];
    },
  ],
  [
    'an upsert that an earlier one has replaced',
    ['lost'],
    ({ truth, of }) => {
      truth.gauges = [{ name: 'g', token: of['early']!.token }];
    },
  ],
  ['an upsert without its row', ['lost'], ({ truth }) => void (truth.gauges = [])],
  [
    'a counter that stands too low',
    ['lost'],
    ({ truth }) => void (truth.counters = [{ counter: 'c', n: 0 }]),
  ],
  [
    'a write that failed and is there',
    ['dishonest'],
    ({ requests, of }) =>
      void requests.set(of['made']!.token, {
        ...of['made']!,
        ackedAt: never,
        acks: 0,
        results: new Set(),
        ...failed('cancelled'),
      }),
  ],
  ['two answers to one request', ['dishonest'], ({ of }) => void of['made']!.results.add('updated')],
  [
    'a row that nobody sent',
    ['unexpected'],
    ({ truth }) =>
      void (truth.ledger = [
        ...truth.ledger,
        { seq: 9, target: 'event', key: '99/0', op: 'INSERT', token: 99 },
      ]),
  ],
  [
    'a child that is refused although its parent is there',
    ['falselyRefused'],
    ({ of }) => void Object.assign(of['refused']!, { shelf: 's', invokedAt: 11 }),
  ],
  ['a dead letter', ['falselyRefused'], ({ of }) => of['refused']!.codes.add('dead_letter')],
  ['a child that a reader saw without its parent', ['dangling'], ({ truth }) => void (truth.orphans = 1)],
])('the check of rows reports %s', (_name, expected, spoil) => {
  const run = soundRun();
  spoil(run);
  expect(kindsOf(run)).toEqual(expected);
});
