// The check is checked: a sound run passes, and each kind of violation, planted by hand, is told by its own word.

import { describe, expect, test } from 'vitest';
import { countOf } from '../support/breadth.ts';
import { checkHistory } from './check-history.ts';
import { generateRun } from './generated-history.ts';
import type { Fail, HistoryEvent, Info, Invoke, Ok, OutcomeRow, Truth } from './history.ts';
import { violations, type Counts } from './verdict.ts';

/** A run by hand: documents `a` and `b`, `b` referring to `a`, times as they are given. */
interface Run {
  history: HistoryEvent[];
  truth: {
    -readonly [Name in keyof Truth]: Truth[Name] extends Iterable<infer Row> ? Row[] : Truth[Name];
  };
}

let operations = 0;

function invoke(t: number, op: Invoke['op'], doc: string, more: Partial<Invoke> = {}): Invoke {
  const i = operations++;
  const hash = op === 'upsert' || op === 'update' ? `${doc}#${i}` : '';
  const documentId = op === 'upsert' ? null : `id-${doc}`;
  return {
    type: 'invoke',
    i,
    t,
    proc: 0,
    op,
    doc,
    documentId,
    refs: [],
    hash,
    ifMatch: null,
    key: null,
    ...more,
  };
}
const ok = (of: Invoke, t: number, result: Ok['result'], more: Partial<Ok> = {}): Ok => ({
  type: 'ok',
  i: of.i,
  t,
  result,
  documentId: `id-${of.doc}`,
  hash: result === 'deleted' ? null : of.hash,
  ...more,
});
const fail = ({ i }: Invoke, t: number, code: string, missing: string[] = []): Fail => ({
  type: 'fail',
  i,
  t,
  code,
  missing,
});
const info = ({ i }: Invoke, t: number): Info => ({ type: 'info', i, t, code: 'outcome_unknown' });

function row(
  at: number,
  of: Invoke,
  result: OutcomeRow['result'],
  version: number,
  more: Partial<OutcomeRow> = {},
): OutcomeRow {
  const writeId = `write-${of.i}-${at}`;
  const hash = result === 'deleted' ? null : of.hash;
  const documentId = `id-${of.doc}`;
  return {
    writeId,
    batchId: writeId,
    ordinal: 0,
    lane: 0,
    term: 1,
    at,
    result,
    code: null,
    documentId,
    version,
    hash,
    ...more,
  };
}

/** `a` is created, `b` refers to it, `a` is updated: all acknowledged, one after the other. */
function soundRun(): Run & { a: Invoke; b: Invoke; again: Invoke } {
  const a = invoke(0, 'upsert', 'a');
  const b = invoke(10, 'upsert', 'b', { refs: ['a'] });
  const again = invoke(20, 'upsert', 'a');
  return {
    a,
    b,
    again,
    history: [a, ok(a, 5, 'created'), b, ok(b, 15, 'created'), again, ok(again, 25, 'updated')],
    truth: {
      outcomes: [row(1, a, 'created', 1), row(11, b, 'created', 1), row(21, again, 'updated', 2)],
      documents: [
        { documentId: 'id-a', referentialId: 'a', version: 2, hash: again.hash },
        { documentId: 'id-b', referentialId: 'b', version: 1, hash: b.hash },
      ],
      aliases: [
        { referentialId: 'a', documentId: 'id-a' },
        { referentialId: 'b', documentId: 'id-b' },
      ],
      references: [{ documentId: 'id-b', referentialId: 'a' }],
      intake: [],
      unledLanes: [],
      unanswered: [],
      samples: [0],
      leaks: 0,
    },
  };
}

/** The violations that the check tells of a run, each with its number. */
function told({ history, truth }: Run): Partial<Counts> {
  const { counts } = checkHistory(history, truth);
  return Object.fromEntries(
    violations.filter((name) => counts[name] > 0).map((name) => [name, counts[name]]),
  );
}

describe('a check', () => {
  test('the check finds no violation in a sound run, and counts it', () => {
    const run = soundRun();
    const lostAnswer = invoke(30, 'upsert', 'c');
    run.history.push(lostAnswer, info(lostAnswer, 40));
    run.truth.outcomes.push(row(31, lostAnswer, 'created', 1));
    run.truth.documents.push({ documentId: 'id-c', referentialId: 'c', version: 1, hash: lostAnswer.hash });
    run.truth.aliases.push({ referentialId: 'c', documentId: 'id-c' });
    const never = invoke(50, 'upsert', 'd');
    run.history.push(never);
    const verdict = checkHistory(run.history, run.truth);
    expect(verdict.findings).toEqual([]);
    expect(verdict.isSound).toBe(true);
    expect(verdict.counts).toMatchObject({ attempts: 5, ok: 3, fail: 0, info: 2, recovered: 1 });
  });

  test('the check finds no violation in a long sound run', () => {
    const { history, truth } = generateRun(5_000);
    expect(checkHistory(history, truth).findings).toEqual([]);
  });

  test('the check takes a key and its replay for one effect', () => {
    const run = soundRun();
    const first = invoke(30, 'upsert', 'k', { key: 'key' });
    const second: Invoke = { ...first, i: operations++, t: 35 };
    run.history.push(first, second, info(first, 40), ok(second, 45, 'created'));
    run.truth.outcomes.push(row(31, first, 'created', 1), row(36, second, 'created', 1));
    run.truth.documents.push({ documentId: 'id-k', referentialId: 'k', version: 1, hash: first.hash });
    run.truth.aliases.push({ referentialId: 'k', documentId: 'id-k' });
    expect(told(run)).toEqual({});
  });

  test('the check takes a document that is deleted and created again for two documents', () => {
    const run = soundRun();
    const gone = invoke(30, 'delete', 'b');
    const anew = invoke(40, 'upsert', 'b', { refs: ['a'] });
    run.history.push(gone, ok(gone, 35, 'deleted'), anew, ok(anew, 45, 'created', { documentId: 'id-b2' }));
    run.truth.outcomes.push(
      row(31, gone, 'deleted', 1),
      row(41, anew, 'created', 1, { documentId: 'id-b2' }),
    );
    run.truth.documents[1] = { documentId: 'id-b2', referentialId: 'b', version: 1, hash: anew.hash };
    run.truth.aliases[1] = { referentialId: 'b', documentId: 'id-b2' };
    run.truth.references[0] = { documentId: 'id-b2', referentialId: 'a' };
    expect(told(run)).toEqual({});
  });
});

const planted: Record<string, { in: (run: ReturnType<typeof soundRun>) => void; told: Partial<Counts> }> = {
  'an acknowledged write that nobody applied': {
    in: ({ history }) => {
      const never = invoke(30, 'upsert', 'c');
      history.push(never, ok(never, 35, 'created'));
    },
    told: { lost: 1 },
  },
  'a document that is gone': {
    in: ({ truth }) => {
      truth.documents.splice(1, 1);
      truth.aliases.splice(1, 1);
      truth.references.splice(0, 1);
    },
    told: { lost: 1 },
  },
  'a document that is as it was before its last write': {
    in: ({ truth, a }) => {
      truth.documents[0] = { documentId: 'id-a', referentialId: 'a', version: 1, hash: a.hash };
    },
    told: { lost: 1 },
  },
  'two writes that made one version': {
    in: ({ history, truth }) => {
      const other = invoke(20, 'upsert', 'a');
      history.push(other, ok(other, 25, 'updated'));
      truth.outcomes.push(row(22, other, 'updated', 2));
      truth.documents[0] = { documentId: 'id-a', referentialId: 'a', version: 2, hash: other.hash };
    },
    told: { lost: 1 },
  },
  'a delete that was acknowledged and never made': {
    in: ({ history }) => {
      const gone = invoke(30, 'delete', 'b');
      history.push(gone, ok(gone, 35, 'deleted'));
    },
    told: { lost: 1 },
  },
  'a reference that its document does not have': {
    in: ({ truth }) => void truth.references.splice(0, 1),
    told: { lost: 1 },
  },
  'a write that was applied twice': {
    in: ({ truth, a, again }) => {
      truth.outcomes.push(row(31, a, 'updated', 3));
      truth.documents[0] = { documentId: 'id-a', referentialId: 'a', version: 3, hash: a.hash };
      expect(again.hash).not.toBe(a.hash);
    },
    told: { duplicated: 1, reordered: 1 },
  },
  'one key with two effects': {
    in: ({ history, truth }) => {
      const one = invoke(30, 'upsert', 'a', { key: 'key' });
      const other = invoke(40, 'upsert', 'a', { key: 'key' });
      history.push(one, ok(one, 35, 'updated'), other, ok(other, 45, 'updated'));
      truth.outcomes.push(row(31, one, 'updated', 3), row(41, other, 'updated', 4));
      truth.documents[0] = { documentId: 'id-a', referentialId: 'a', version: 4, hash: other.hash };
    },
    told: { duplicated: 1 },
  },
  'two documents with one identity': {
    in: ({ history, truth }) => {
      const twin = invoke(30, 'upsert', 'b', { refs: ['a'] });
      history.push(twin, ok(twin, 35, 'created', { documentId: 'twin' }));
      truth.outcomes.push(row(31, twin, 'created', 1, { documentId: 'twin' }));
      truth.documents.push({ documentId: 'twin', referentialId: 'b', version: 1, hash: twin.hash });
      truth.references.push({ documentId: 'twin', referentialId: 'a' });
    },
    told: { duplicated: 1 },
  },
  'a reference to nobody at the end': {
    in: ({ truth }) => {
      truth.documents.splice(0, 1);
      truth.aliases.splice(0, 1);
    },
    told: { lost: 1, dangling: 1 },
  },
  'a reference to nobody that the reader saw': {
    in: ({ truth }) => truth.samples.push(2),
    told: { dangling: 2 },
  },
  'a document that came before what it refers to': {
    in: ({ truth, b }) => {
      truth.outcomes[1] = row(0.5, b, 'created', 1);
    },
    told: { dangling: 1 },
  },
  'a write that took effect behind one that was sent after its answer': {
    in: ({ truth, a, again }) => {
      truth.outcomes[0] = row(1, again, 'created', 1);
      truth.outcomes[2] = row(21, a, 'updated', 2);
      truth.documents[0] = { documentId: 'id-a', referentialId: 'a', version: 2, hash: a.hash };
    },
    told: { reordered: 1 },
  },
  'a lane that goes back to an older term': {
    in: ({ truth, b }) => {
      truth.outcomes[1] = row(11, b, 'created', 1, { term: 7 });
    },
    told: { reordered: 1 },
  },
  'a reference that was called missing and was there': {
    in: ({ history }) => {
      const refused = invoke(30, 'upsert', 'c', { refs: ['a'] });
      history.push(refused, fail(refused, 35, 'unresolved_reference', ['a']));
    },
    told: { falselyRefused: 1 },
  },
  'a reference that was called missing and is none': {
    in: ({ history }) => {
      const refused = invoke(30, 'upsert', 'c', { refs: ['nobody'] });
      history.push(refused, fail(refused, 35, 'unresolved_reference', ['somebody']));
    },
    told: { falselyRefused: 1 },
  },
  'a valid write that became a dead letter': {
    in: ({ history }) => {
      const refused = invoke(30, 'upsert', 'c');
      history.push(refused, fail(refused, 35, 'dead_letter'));
    },
    told: { falselyRefused: 1 },
  },
  'an If-Match that held and was refused': {
    in: ({ history, again }) => {
      const refused = invoke(30, 'update', 'a', { ifMatch: again.hash });
      history.push(refused, fail(refused, 35, 'precondition_failed'));
    },
    told: { falselyRefused: 1 },
  },
  'a document that was there and was not found': {
    in: ({ history }) => {
      const refused = invoke(30, 'delete', 'b');
      history.push(refused, fail(refused, 35, 'document_not_found'));
    },
    told: { falselyRefused: 1 },
  },
  'a delete refused for a document that nobody refers to': {
    in: ({ history }) => {
      const refused = invoke(30, 'delete', 'b');
      history.push(refused, fail(refused, 35, 'document_referenced'));
    },
    told: { falselyRefused: 1 },
  },
  'a key called reused that was not': {
    in: ({ history }) => {
      const refused = invoke(30, 'upsert', 'c', { key: 'key' });
      history.push(refused, fail(refused, 35, 'idempotency_key_reused'));
    },
    told: { falselyRefused: 1 },
  },
  'a write that was accepted and forgotten': {
    in: ({ history }) => {
      const never = invoke(30, 'upsert', 'c');
      history.push(never, { type: 'accepted', i: never.i, t: 35, writeId: 'forgotten' });
    },
    told: { lost: 1 },
  },
  'a write that was overtaken after it was accepted': {
    in: ({ history, truth }) => {
      const first = invoke(30, 'upsert', 'a');
      const second = invoke(40, 'upsert', 'a');
      const writeId = 'overtaken';
      history.push(
        first,
        { type: 'accepted', i: first.i, t: 35, writeId },
        second,
        ok(second, 45, 'updated'),
      );
      truth.outcomes.push(row(41, second, 'updated', 3), row(51, first, 'updated', 4, { writeId }));
      truth.documents[0] = { documentId: 'id-a', referentialId: 'a', version: 4, hash: first.hash };
    },
    told: { reordered: 1 },
  },
  'a write that failed and was applied': {
    in: ({ history, truth }) => {
      const failed = invoke(30, 'upsert', 'b', { refs: ['a'] });
      history.push(failed, fail(failed, 35, 'cancelled'));
      truth.outcomes.push(row(31, failed, 'updated', 2));
      truth.documents[1] = { documentId: 'id-b', referentialId: 'b', version: 2, hash: failed.hash };
    },
    told: { dishonest: 1 },
  },
  'a delete that failed and was made': {
    in: ({ history, truth }) => {
      const failed = invoke(30, 'delete', 'b');
      history.push(failed, fail(failed, 35, 'cancelled'));
      truth.outcomes.push(row(31, failed, 'deleted', 1));
      truth.documents.splice(1, 1);
      truth.aliases.splice(1, 1);
      truth.references.splice(0, 1);
    },
    told: { dishonest: 1 },
  },
  'one key with two answers': {
    in: ({ history, truth }) => {
      const first = invoke(30, 'upsert', 'a', { key: 'key' });
      const second: Invoke = { ...first, i: operations++, t: 40 };
      history.push(first, ok(first, 35, 'updated'), second, ok(second, 45, 'unchanged'));
      truth.outcomes.push(row(31, first, 'updated', 3), row(41, second, 'unchanged', 3));
      truth.documents[0] = { documentId: 'id-a', referentialId: 'a', version: 3, hash: first.hash };
    },
    told: { dishonest: 1 },
  },
  'a read of what had been replaced': {
    in: ({ history, a }) => {
      const read = invoke(30, 'read', 'a');
      history.push(read, ok(read, 35, 'read', { hash: a.hash }));
    },
    told: { stale: 1 },
  },
  'a read that does not find what is there': {
    in: ({ history }) => {
      const read = invoke(30, 'read', 'a');
      history.push(read, ok(read, 35, 'read', { hash: null }));
    },
    told: { stale: 1 },
  },
  'content that nobody sent': {
    in: ({ truth }) => {
      truth.documents[1] = { documentId: 'id-b', referentialId: 'b', version: 1, hash: 'foreign' };
    },
    // And the reference that it should have is not known to it.
    told: { unexpected: 2, lost: 1 },
  },
  'a version that nobody made': {
    in: ({ truth, again }) => {
      truth.outcomes[2] = row(21, again, 'updated', 3);
      truth.documents[0] = { documentId: 'id-a', referentialId: 'a', version: 3, hash: again.hash };
    },
    told: { unexpected: 1 },
  },
  'a document that was deleted and is there': {
    in: ({ history, truth }) => {
      const gone = invoke(30, 'delete', 'b');
      history.push(gone, ok(gone, 35, 'deleted'));
      truth.outcomes.push(row(31, gone, 'deleted', 1));
    },
    told: { unexpected: 1 },
  },
  'a write that is settled twice': {
    in: ({ truth }) => truth.outcomes.push(truth.outcomes[1]!),
    told: { duplicated: 1 },
  },
  'a write that waits for nothing, a lane without a leader, and a question without an answer': {
    in: ({ truth }) => {
      truth.intake = [
        { writeId: 'forgotten', isWaiting: false },
        { writeId: 'waiting', isWaiting: true },
      ];
      truth.unledLanes = [3];
      truth.unanswered = [7];
    },
    told: { stuck: 3 },
  },
  'a log with contents of documents': {
    in: ({ truth }) => void (truth.leaks = 1),
    told: { leaked: 1 },
  },
};

describe('a check finds', () => {
  test.each(Object.entries(planted))(
    'the check finds a violation: %s',
    (_, { in: plant, told: expected }) => {
      const run = soundRun();
      plant(run);
      expect(told(run)).toEqual(expected);
    },
  );
});

/** A million are checked in some eight seconds, and take longer to make. */
const operationsMax = countOf('SLUICE_CHECK_OPERATIONS', 20_000, 200_000);

test('the cost of a check grows with the length of the run', () => {
  const lengths = [operationsMax / 10, operationsMax];
  const took = lengths.map((length) => {
    const { history, truth } = generateRun(length);
    const started = performance.now();
    expect(checkHistory(history, truth).isSound).toBe(true);
    return performance.now() - started;
  });
  // Told and not asserted: clocks of shared machines prove nothing.
  console.log(
    lengths
      .map((length, index) => `checked ${length} operations in ${took[index]!.toFixed(0)} ms`)
      .join(', '),
  );
}, 120_000);
