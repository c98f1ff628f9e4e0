import { DatabaseError } from '#store';
import { describe, expect, test } from 'vitest';
import { isBatchFault, remedyFor } from './fault.ts';

const fault = (sqlState: string): DatabaseError => new DatabaseError({ sqlState, message: sqlState });

describe('a fault', () => {
  test.each([
    { what: 'a deadlock', code: '40P01', first: 'try_again', last: 'halve', alone: 'answer_conflict' },
    // Others need not wait again for what was not there in time: what can be known is known from then on.
    {
      what: 'a lock that was not free',
      code: '55P03',
      first: 'look_for_locks',
      last: 'halve',
      firstAlone: 'look_for_locks',
      alone: 'block',
    },
    {
      what: 'a statement that took too long',
      code: '57014',
      first: 'halve',
      last: 'halve',
      alone: 'answer_conflict',
    },
    { what: 'anything else', code: '22003', first: 'halve', last: 'halve', alone: 'dead_letter' },
  ])(
    'the remedy depends on how many writes and attempts there were: $what',
    ({ code, first, last, alone, firstAlone = 'try_again' }) => {
      expect(remedyFor(fault(code), 1, 8, false)).toBe(first);
      expect(remedyFor(fault(code), 6, 8, true)).toBe(last);
      expect(remedyFor(fault(code), 1, 1, false)).toBe(firstAlone);
      expect(remedyFor(fault(code), 6, 1, true)).toBe(alone);
    },
  );

  test.each(['53100', '53300', '58030'])('a fault of the server is not blamed on a write: %s', (code) => {
    const own = new DatabaseError({ sqlState: code, statement: 'insertOutcomes', message: code });
    expect(isBatchFault(own, 8)).toBe(false);
    expect(isBatchFault(own, 1)).toBe(false);
  });

  test.each(['53100', '53200', '53300', '58030'])(
    'a write for whose code the server lacks something is blocked alone: %s',
    (code) => {
      expect(isBatchFault(fault(code), 8)).toBe(true);
      expect(remedyFor(fault(code), 1, 8, false)).toBe('halve');
      expect(remedyFor(fault(code), 1, 1, false)).toBe('block');
    },
  );

  test.each(['25006', '42501', '42P01', '0A000', '28000', '57P03'])(
    'a fault of the role, the schema or the session is not blamed on a write: %s',
    (code) => {
      expect(isBatchFault(fault(code), 8)).toBe(false);
      expect(isBatchFault(fault(code), 1)).toBe(false);
    },
  );

  test('a fault of memory may be that of a large batch', () => {
    const own = new DatabaseError({ sqlState: '53200', statement: 'insertOutcomes', message: '53200' });
    expect(isBatchFault(own, 8)).toBe(true);
    expect(isBatchFault(own, 1)).toBe(false);
  });
});
