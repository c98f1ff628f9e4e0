import { describe, expect, test } from 'vitest';
import { SluiceError } from '#protocol';
import { keyText, parseForm, rowKey, type Column, type RowRequest, type TableCatalog } from '#targets';
import { prepareRow } from './prepare-row.ts';
import { rowTableOf } from './row-table.ts';

function column(name: string, baseType: string, more: Partial<Column> = {}): Column {
  return {
    name,
    type: baseType,
    baseType,
    category: 'S',
    maxLength: null,
    isNullable: true,
    default: null,
    identity: null,
    isGenerated: false,
    labels: null,
    ...more,
  };
}

function table(name: string, columns: Column[], more: Partial<TableCatalog> = {}): TableCatalog {
  const [schema = '', ...rest] = name.split('.');
  return {
    name,
    schema,
    table: rest.join('.'),
    isPartitioned: false,
    columns,
    key: ['id'],
    uniques: [{ name: 'pkey', columns: ['id'], isPartial: false, isDeferrable: false }],
    foreignKeys: [],
    hasRowSecurity: false,
    triggers: [],
    hash: '',
    ...more,
  };
}

const customers = table('public.customers', [column('id', 'int4', { isNullable: false })]);
const orders = table(
  'public.orders',
  [
    column('id', 'int8', { isNullable: false, identity: 'by default' }),
    column('number', 'text'),
    column('amount', 'numeric'),
    column('customer', 'int8'),
    column('total', 'numeric', { isGenerated: true }),
  ],
  {
    uniques: [
      { name: 'orders_pkey', columns: ['id'], isPartial: false, isDeferrable: false },
      { name: 'orders_number', columns: ['number'], isPartial: false, isDeferrable: false },
      { name: 'orders_open', columns: ['customer'], isPartial: true, isDeferrable: false },
    ],
    foreignKeys: [
      {
        name: 'orders_customer',
        columns: ['customer'],
        table: 'public.customers',
        referencedColumns: ['id'],
        match: 's',
      },
    ],
  },
);
const target = { name: orders.name, table: rowTableOf(orders, [orders, customers]) };

const prepare = (request: Partial<RowRequest>) =>
  prepareRow({ target: 'orders', operation: 'insert', body: null, ...request }, target, 16, 0);

function errorsOf(request: Partial<RowRequest>): unknown {
  try {
    prepare(request);
  } catch (error) {
    if (error instanceof SluiceError) return error.detail?.['errors'];
    throw error;
  }
  return null;
}

describe('an insert', () => {
  test('an insert has its columns in the order of the table, and its body unchanged', () => {
    const body = '{ "amount": 1.10, "id": 9007199254740993 }';
    const write = prepare({ body });
    expect(write).toMatchObject({
      resource: 'public.orders',
      operation: 'insert',
      body,
      documentId: write.writeId,
      referentialId: rowKey('public.orders', ['9007199254740993']),
      superclassId: null,
      ifMatch: null,
      referenceIds: [],
      lane: Number.parseInt(write.referentialId.slice(-1), 16),
    });
    expect(parseForm(write.form!)).toEqual({
      operation: 'insert',
      columns: ['id', 'amount'],
      isArray: false,
      onConflict: null,
      ignoresExisting: false,
      isReturning: false,
    });
  });

  test('an insert whose key comes from the database has the identity of its write', () => {
    const write = prepare({ body: '{"number":"a"}' });
    expect(write.referentialId).toBe(write.writeId);
  });

  test('an array insert has its first row’s identity, all columns and each outside parent once', () => {
    const write = prepare({
      body: '[{"id":1,"customer":7},{"number":"x","customer":7.0},{"id":2,"customer":8},{"id":3,"customer":null}]',
      returning: true,
    });
    expect(write.referentialId).toBe(rowKey('public.orders', ['1']));
    expect(parseForm(write.form!)).toMatchObject({
      columns: ['id', 'number', 'customer'],
      isArray: true,
      isReturning: true,
    });
    expect(write.referenceIds).toEqual([
      rowKey('public.customers', ['7']),
      rowKey('public.customers', ['8']),
    ]);
    const tree = table('public.tree', [column('id', 'int4'), column('parent', 'int4')], {
      foreignKeys: [
        { name: 'p', columns: ['parent'], table: 'public.tree', referencedColumns: ['id'], match: 's' },
      ],
    });
    const { referenceIds } = prepareRow(
      {
        target: 'tree',
        operation: 'insert',
        body: '[{"id":1,"parent":null},{"id":2,"parent":1},{"id":3,"parent":9}]',
      },
      { name: tree.name, table: rowTableOf(tree, [tree]) },
      16,
      0,
    );
    expect(referenceIds).toEqual([rowKey('public.tree', ['9'])]);
  });

  test('an insert has another content hash where only a digit beyond double precision differs', () => {
    const hashOf = (body: string) => prepare({ body, idempotencyKey: 'k' }).contentHash;
    expect(hashOf('{"id":9007199254740993}')).not.toBe(hashOf('{"id":9007199254740992}'));
    expect(hashOf('{"amount":1e400}')).not.toBe(hashOf('{"amount":1e401}'));
    expect(hashOf('{"amount":1,"id":5}')).toBe(hashOf('{ "id":5,"amount":1.0 }'));
  });

  test('the content hash depends on the resolution of duplicates, not on the spelling of a UUID', () => {
    const upsert = { operation: 'upsert', body: '{"id":1}', idempotencyKey: 'k' } as const;
    expect(prepare({ ...upsert, resolution: 'ignore' }).contentHash).not.toBe(prepare(upsert).contentHash);
    expect(keyText('{00000000-0000-4000-8000-00000000000A}', 'uuid')).toBe(
      keyText('0000000000004000800000000000000a', 'uuid'),
    );
  });

  test('an insert with named columns leaves out the others, and keeps all digits', () => {
    const body = '{"id": 9007199254740993, "unknown": {"a":[1,2]}, "amount": 1.10, "number": "a,\\"}"}';
    const write = prepare({ body, columns: ['amount', 'id', 'number'] });
    expect(write.body).toBe('{"id":9007199254740993,"number":"a,\\"}","amount":1.10}');
    const withNull = prepare({ body, columns: ['id', 'customer'], missing: 'null' });
    expect(withNull.body).toBe('{"id":9007199254740993,"customer":null}');
    expect(prepare({ body: '[{"amount":1.0},{"number":"x"}]', missing: 'null' }).body).toBe(
      '[{"number":null,"amount":1.0},{"number":"x","amount":null}]',
    );
  });

  test('an insert is refused with the name of the fault', () => {
    expect(errorsOf({ body: '{"id":1,"nope":1,"odd name":2}' })).toEqual([
      { path: '$.nope', message: 'is no column of the table' },
      { path: '$["odd name"]', message: 'is no column of the table' },
    ]);
    expect(errorsOf({ body: '[{"id":1},{"id":2,"total":1}]' })).toEqual([
      { path: '$[1].total', message: 'is a generated column, which cannot be written' },
    ]);
    expect(errorsOf({ body: '[{"id":1},{"id":2,"nope":1},{"nope":2,"more":3}]' })).toEqual([
      { path: '$[1].nope', message: 'is no column of the table' },
      { path: '$[2].more', message: 'is no column of the table' },
    ]);
    expect(errorsOf({ body: '[]' })).toEqual([{ path: '$', message: 'has no rows' }]);
    expect(errorsOf({ body: '[{},3]' })).toMatchObject([{ path: '$[1]' }]);
    expect(errorsOf({ body: '"text"' })).toMatchObject([{ path: '$' }]);
    expect(errorsOf({ body: '{"id":1}', columns: ['id', 'nope'] })).toMatchObject([{ path: 'columns' }]);
    expect(errorsOf({ body: '{"constructor":1,"__proto__":2}' })).toMatchObject([
      { path: '$.constructor' },
      { path: '$.__proto__' },
    ]);
  });
});

describe('checks of a node', () => {
  const kept = table('public.kept', [
    column('id', 'int4', { isNullable: false, identity: 'always' }),
    column('name', 'varchar', { isNullable: false, maxLength: 3 }),
    column('mood', 'mood', { isNullable: false, category: 'E', labels: ['sad', 'ok'], default: "'ok'" }),
    column('note', 'jsonb'),
  ]);
  const faultsOf = (body: string, catalog = kept, operation: RowRequest['operation'] = 'insert') => {
    const door = { name: catalog.name, table: rowTableOf(catalog, []) };
    try {
      const key = operation === 'update' ? { id: 1 } : undefined;
      prepareRow({ target: 'kept', operation, body, ...(key === undefined ? {} : { key }) }, door, 16, 0);
      return [];
    } catch (error) {
      const faults = (error as SluiceError).detail?.['errors'] as { path: string; message: string }[];
      return faults.map(({ path, message }) => `${path} ${message}`);
    }
  };

  test('a node refuses nulls, missing values, lengths, labels and unstorable values by column', () => {
    expect(faultsOf('{"name":"añ😀","mood":"sad","note":{"a":[null,1]}}')).toEqual([]);
    expect(faultsOf('{"mood":null,"note":null}')).toEqual([
      '$.mood must not be null',
      '$.name is missing, and has no default',
    ]);
    expect(faultsOf('[{"name":"a"},{"name":"abcd","mood":"mad","id":1}]')).toEqual([
      '$[1].name is longer than 3 characters',
      '$[1].mood must be one of sad, ok',
      '$[1].id is generated always as identity, which cannot be written',
    ]);
    expect(faultsOf('{"name":"a\\u0000","note":{"x":["\\ud800"]}}')).toEqual([
      '$.name has the character NUL, which PostgreSQL cannot store',
      '$.note has half of a surrogate pair, which PostgreSQL cannot store',
    ]);
  });

  test('an update names its key, and may leave columns out but not set them to null', () => {
    expect(faultsOf('{"note":1}', kept, 'update')).toEqual([]);
    expect(faultsOf('{"name":null}', kept, 'update')).toEqual(['$.name must not be null']);
  });

  test('a null passes where a trigger may fill it', () => {
    expect(faultsOf('{"mood":null}', { ...kept, triggers: ['fill'] })).toEqual([]);
  });
});

describe('an upsert', () => {
  test('an upsert names the unique constraint of its key, in the order of its index', () => {
    const write = prepare({
      operation: 'upsert',
      body: '{"number":"n"}',
      onConflict: ['number'],
      resolution: 'ignore',
    });
    expect(parseForm(write.form!)).toMatchObject({ onConflict: ['number'], ignoresExisting: true });
    expect(write.referentialId).toBe(rowKey('public.orders (number)', ['n']));
    const byKey = prepare({ operation: 'upsert', body: '{"id":1}', onConflict: ['id'] });
    expect(parseForm(byKey.form!).onConflict).toBe(null);
  });

  test('an upsert on columns without a constraint is refused, with the list of constraints', () => {
    for (const onConflict of [['customer'], ['number', 'id'], []])
      expect(errorsOf({ operation: 'upsert', body: '{"number":"n"}', onConflict })).toEqual([
        { path: 'onConflict', message: expect.stringContaining('it has (id), (number)') as string },
      ]);
  });
});

describe('an update', () => {
  test('an update has the key and the changed columns in its body, with all digits', () => {
    const write = prepare({
      operation: 'update',
      key: { id: 9007199254740993n },
      body: '{"amount":1.10,"number":"n"}',
    });
    expect(write.body).toBe('{"id":9007199254740993,"number":"n","amount":1.10}');
    expect(write.referentialId).toBe(rowKey('public.orders', ['9007199254740993']));
    expect(write.documentId).toBe(write.referentialId);
    expect(parseForm(write.form!)).toMatchObject({ operation: 'update', columns: ['number', 'amount'] });
    expect(prepare({ operation: 'update', key: { id: '5' }, body: '{"amount":1,"id":5}' }).body).toBe(
      '{"id":"5","amount":1}',
    );
  });

  test('an update is refused if it changes the key, names other columns in it, or changes nothing', () => {
    const change = (key: Record<string, unknown>, body: string) =>
      errorsOf({ operation: 'update', key, body });
    expect(change({ id: 1 }, '{"id":2}')).toMatchObject([{ path: '$.id' }]);
    expect(change({ id: 1, number: 'n' }, '{"amount":2}')).toMatchObject([{ path: 'key' }]);
    expect(change({}, '{"amount":2}')).toEqual([{ path: 'key', message: 'has no value for the column id' }]);
    expect(change({ id: null }, '{"amount":2}')).toMatchObject([{ path: 'key' }]);
    expect(change({ id: 1 }, '{}')).toEqual([{ path: '$', message: 'has no column to change' }]);
    expect(change({ id: 1 }, '[{"amount":2}]')).toMatchObject([{ path: '$' }]);
  });
});

test('a delete has the key as its body', () => {
  const write = prepare({ operation: 'delete', key: { id: '007' } });
  expect(write).toMatchObject({
    operation: 'delete',
    body: '{"id":"007"}',
    referentialId: rowKey('public.orders', ['7']),
    documentId: rowKey('public.orders', ['7']),
  });
  expect(parseForm(write.form!).columns).toEqual([]);
});

test('a column may have the name of a member that each object inherits', () => {
  const odd = table(
    'public.odd',
    [
      column('constructor', 'int4', { isNullable: false, default: '1' }),
      column('toString', 'int4', { isNullable: false }),
    ],
    {
      key: ['constructor'],
      uniques: [{ name: 'odd_pkey', columns: ['constructor'], isPartial: false, isDeferrable: false }],
    },
  );
  const write = (request: Partial<RowRequest>) =>
    prepareRow(
      { target: 'odd', operation: 'insert', body: null, ...request },
      { name: odd.name, table: rowTableOf(odd, [odd]) },
      16,
      0,
    );
  const own = write({ body: '{"toString":2}' });
  expect(own.referentialId).toBe(own.writeId);
  expect(() => write({ body: '{"constructor":2}' })).toThrow('$.toString is missing, and has no default');
  expect(() => write({ operation: 'delete', key: {} })).toThrow('has no value for the column constructor');
});

test('an upsert by a key WITHOUT OVERLAPS is refused', () => {
  const stays = table('public.stays', [column('id', 'int4range'), column('during', 'tsrange')], {
    key: ['id', 'during'],
    uniques: [{ name: 'stays_pkey', columns: ['id', 'during'], isPartial: true, isDeferrable: false }],
  });
  const write = (operation: RowRequest['operation']) =>
    prepareRow(
      { target: 'stays', operation, body: '{"id":"[1,2)","during":"empty"}' },
      { name: stays.name, table: rowTableOf(stays, [stays]) },
      16,
      0,
    );
  expect(write('insert').operation).toBe('insert');
  expect(() => write('upsert')).toThrow('cannot be upserted by the key (id, during)');
});

describe('a call of a function or handler', () => {
  const call = (body: string, keyPaths = ['$.page'], operation: RowRequest['operation'] = 'insert') =>
    prepareRow({ target: 'app.count', operation, body }, { name: 'app.count', table: null, keyPaths }, 16, 0);

  test('a call of a function or handler is known by the values at the paths of its key', () => {
    const body = '{"page":"/a","site":{"id":12345678901234567890}}';
    const write = call(body, ['$.page', '$.site.id']);
    expect(write).toMatchObject({
      resource: 'app.count',
      form: null,
      body,
      referentialId: rowKey('app.count', ['/a', '12345678901234567890']),
      referenceIds: [],
    });
    expect(call('[1,2]', []).referentialId).toBe(rowKey('app.count', []));
  });

  test('a call is refused if a value of its key is missing or has no single text', () => {
    for (const body of ['{}', '{"page":null}', '{"page":{}}', '{"page":[1]}', '[]', '3'])
      expect(() => call(body)).toThrow(/\$\.page/);
    expect(() => call('{"page":1}', ['$.page'], 'update')).toThrow(/takes insert/);
  });
});
