import { describe, expect, test } from 'vitest';
import { isClientName, isScope, Scopes } from './scopes.ts';

describe('scopes', () => {
  test.each([
    ['write:*', true],
    ['write:ed-fi/*', true],
    ['write:Ed-Fi/STUDENTS', true],
    ['write:ed-fi/schools', false],
    ['write:sample/*', false],
    ['read:*', false],
    ['operate', false],
    ['write', false],
    ['write:', false],
    ['write:ed-fi', false],
    ['write:*/students', false],
  ])('the scope %s allows writes to ed-fi/students: %s', (scope, isAllowed) => {
    expect(new Scopes([scope]).allows('write', 'ed-fi/students')).toBe(isAllowed);
  });

  test.each([
    ['write:public.orders', true],
    ['WRITE:public.orders', true],
    ['write:public.*', true],
    ['write:*', true],
    ['write:public.Orders', false],
    ['write:Public.*', false],
    ['write:orders', false],
    ['write:public/orders', false],
    ['write:app.*', false],
    ['read:public.orders', false],
  ])('the scope %s allows writes to the table public.orders: %s', (scope, isAllowed) => {
    expect(new Scopes([scope]).allows('write', 'public.orders')).toBe(isAllowed);
  });

  test('scopes name a handler without a schema', () => {
    const scopes = new Scopes(['write:counter']);
    expect(scopes.allows('write', 'counter')).toBe(true);
    expect(scopes.allows('write', 'counters')).toBe(false);
    expect(new Scopes(['write:public.*', 'write:ed-fi/*']).allows('write', 'counter')).toBe(false);
  });

  test('scopes match endpoints in any case', () => {
    expect(new Scopes(['read:ed-fi/students']).allows('read', 'ED-FI/Students')).toBe(true);
  });

  test('scopes of one kind of target grant nothing of another', () => {
    const scopes = new Scopes(['operate', 'write:ed-fi/schools']);
    expect(scopes).toMatchObject({ mayOperate: true, maySeeBodies: false });
    expect(scopes.allowsSome('write')).toBe(true);
    expect(scopes.allowsSome('read')).toBe(false);
    expect(new Scopes(['bodies'])).toMatchObject({ mayOperate: false, maySeeBodies: true });
  });

  test('words of a token that are no scopes of Sluice are ignored', () => {
    const scopes = new Scopes([
      'openid',
      'write:**',
      'operate:all',
      'write:a/b/c',
      'write:a b',
      'write:.*',
      '',
    ]);
    expect(scopes.mayOperate || scopes.maySeeBodies || scopes.allowsSome('write')).toBe(false);
    expect(isScope('openid')).toBe(false);
  });
});

test.each([
  ['loader', true],
  ['a name, with spaces', true],
  ['', false],
  ['nul\u0000', false],
  ['straße', false],
  ['x'.repeat(256), false],
  [7, false],
  [undefined, false],
])('the text %j is the name of a client: %s', (name, isName) => {
  expect(isClientName(name)).toBe(isName);
});
