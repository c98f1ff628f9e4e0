import { describe, expect, test } from 'vitest';
import { useDatabase } from '../../../../test/support/database.ts';
import { openConnection } from '../../../../test/support/sql.ts';
import { encodersIn, parametersOf } from './array-bytes.ts';
import { arrayLiteral } from './array-literal.ts';

describe('array parameters', () => {
  const database = useDatabase();

  test.each([
    ['uuid', ['018f4c2e-7a11-7000-8000-00000000abcd', null, '018F4C2E-7A11-7000-8000-00000000ABCD']],
    ['text', ['', 'a', 'a', 'null', null, '"\\,{}', 'é', '𝄞 key', '\u0001', 'a'.repeat(3000)]],
    ['jsonb', ['{"a": "\\"é\\\\"}', '9007199254740993', null, null, '[]', '{"t": "𝄞"}', '{"t": "𝄞"}']],
    ['uuid', []],
    ['text', []],
    ['text', [null, null]],
  ])('an array of %s arrives as its text form would', async (type, values) => {
    const text = `select $1::${type}[]::text as sent, $2::${type}[]::text as expected`;
    const [bytes] = parametersOf([values], encodersIn(`select $1::${type}[]`));
    expect(bytes).toBeInstanceOf(Buffer);
    const connection = await openConnection(database.url);
    const { rows } = await connection.query<Record<string, string>>(text, [bytes, arrayLiteral(values)]);
    expect(rows[0]?.['sent']).toBe(rows[0]?.['expected']);
  });

  test.each([
    ['uuid', ['not-a-uuid']],
    ['uuid', ['018f4c2e-7a11-7000-8000-00000000abcg']],
    ['uuid', ['018f4c2e-7a11-7000-8000-00000000abcé']],
    ['uuid', ['018f4c2e07a110700008000000000000abcd']],
    ['text', [1]],
    ['text', [undefined]],
    ['smallint', ['1']],
  ])('an array of %s with other values is sent as text, so that the server checks it', (type, values) => {
    const encoders = encodersIn(`select $1::${type}[]`);
    expect(parametersOf([values], encoders)).toEqual([arrayLiteral(values)]);
  });

  test('each parameter is sent by its own type, and single values are left alone', () => {
    const encoders = encodersIn('select $2::text[], $10::uuid[], $1::uuid');
    expect(Array.from(encoders, (encoder) => encoder !== undefined)).toEqual(
      Array.from(encoders, (_, index) => index === 1 || index === 9),
    );
    expect(parametersOf(['a', ['b'], ['c']], encoders)).toEqual(['a', expect.any(Buffer), '{c}']);
  });
});
