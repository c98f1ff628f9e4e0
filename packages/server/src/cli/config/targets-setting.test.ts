import { describe, expect, test } from 'vitest';
import { readSettings, textOf } from './setting.ts';
import { targets } from './targets-setting.ts';

const inFile = (value: unknown) => ({ path: 'file', values: { targets: value }, whole: { targets: value } });
const read = (flags: Record<string, string>, environment: Record<string, string>, value?: unknown) =>
  readSettings({ targets }, flags, environment, value === undefined ? null : inFile(value)).targets;

describe('the setting targets', () => {
  test('tables of a flag come before those of the environment, and these before those of the file', () => {
    const file = [{ table: 'c' }];
    expect(read({ table: 'public.a,app.b' }, { SLUICE_TABLE: 'd' }, file)).toEqual([
      { table: 'public.a' },
      { table: 'app.b' },
    ]);
    expect(read({}, { SLUICE_TABLE: 'd' }, file)).toEqual([{ table: 'd' }]);
    expect(read({}, {}, file)).toEqual(file);
    expect(read({}, {})).toEqual([]);
  });

  test('targets of the file may be tables with options, functions and handlers, as the file spells them', () => {
    const settle = async () => [];
    const all = [
      { table: 'public.orders', key: ['number'], rowSecurity: 'bypass' },
      { function: 'app.count_views', key: ['$.page'] },
      { name: 'counter', key: ['$.page'], settle },
    ];
    expect(read({}, {}, all)).toEqual(all);
    expect(read({}, {}, 'public.orders')).toEqual([{ table: 'public.orders' }]);
    expect(textOf(read({}, {}, [{ table: 'a' }]))).toBe('{"table":"a"}');
  });

  test.each([
    [[{ table: 'a', keys: ['b'] }], 'targets[0].keys'],
    [[{ table: 'a' }, { function: 'f' }], 'targets[1].key is missing: it is a list of paths such as $.page'],
    [[{ function: 'f', key: '$.page' }], 'targets[0].key is not a list of paths such as $.page'],
    [[{ function: 'f', key: [5] }], 'targets[0].key.0 is not a path such as $.page'],
    [[{ function: 'f', key: ['page'] }], 'targets[0].key.0 is not a path such as $.page'],
    [[{ function: 'f', key: [] }], 'targets[0].key is empty'],
    [[{ function: '', key: ['$.page'] }], 'targets[0].function is empty'],
    [[{ table: '' }], 'targets[0].table is empty'],
    [[{ table: 5 }], 'targets[0].table is not a text'],
    [[{ table: 'a', key: 'id' }], 'targets[0].key is not a list of names'],
    [[{ table: 'a', key: [5] }], 'targets[0].key.0 is not a text'],
    [[{ settle: async () => [], key: ['$.page'] }], 'targets[0].name is missing'],
    [
      [{ name: 'a/b', settle: async () => [], key: ['$.page'] }],
      'targets[0].name is not a name without a slash',
    ],
    [[{ name: 'a', settle: 5, key: ['$.page'] }], 'targets[0].settle is not a function'],
    [[5], 'targets[0] has none of table, function, settle'],
  ])('a faulty target of the file is named: %j', (value, sentence) => {
    expect(() => read({}, {}, value)).toThrow(sentence);
  });
});
