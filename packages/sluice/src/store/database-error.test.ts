import { describe, expect, test } from 'vitest';
import { DatabaseError, reduceError } from './database-error.ts';

const error = (sqlState: string | null, statement: string | null = 'commit'): DatabaseError =>
  new DatabaseError({ sqlState, statement, message: 'x' });

describe('an error of the database', () => {
  test.each([
    '25006',
    '53100',
    '53200',
    '53300',
    '57P03',
    '42501',
    '55P03',
    '57014',
    '25P03',
    '25P04',
    'SL001',
  ])('an error of the database says that nothing was applied: %s', (sqlState) =>
    expect(error(sqlState).isRefusal).toBe(true),
  );

  test.each([null, '08006', '57P01', '57P02'])(
    'an error of the database leaves open what was applied: %s',
    (sqlState) => expect(error(sqlState).isRefusal).toBe(false),
  );

  test('an error before a connection says that nothing was applied, whatever its code', () => {
    for (const sqlState of [null, '08001', '57P01']) expect(error(sqlState, 'connect').isRefusal).toBe(true);
  });

  test.each(['25006', '28P01', '3D000', '57P01', '57P03', '57P05', '25P03', '08006', null])(
    'an error of the database ends the session: %s',
    (sqlState) => expect(error(sqlState).isConnectionLoss).toBe(true),
  );

  test('too many values for a statement end the session if it is an own statement', () => {
    const met = { code: '08P01', severity: 'ERROR', routine: 'exec_bind_message', message: 'x' };
    const isLoss = (statement: string | null): boolean =>
      (reduceError(met, statement) as DatabaseError).isConnectionLoss;
    expect([isLoss('settleWrites'), isLoss(null)]).toEqual([true, false]);
  });
});
