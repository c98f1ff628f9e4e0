// Faults that somebody could make in writes to tables, functions and handlers, below the test that has to notice them.

import { always, drop, first, give, never, swap } from './edits.ts';
import { at, type Mutant } from './mutant.ts';

/** By the test file that must fail: its name, with as much of its path as tells it from others. */
export const targetMutants: Record<string, Mutant[]> = {
  'client/prepare-row.test.ts': [
    ['knows a changed row by its write', at('prepareRow', give('documentId', 'null'))],
    [
      'takes an upsert that ignores rows for one that changes them',
      at('contentOfRows', give('hashed', 'parsed')),
    ],
    ['compares requests by rounded numbers', at('prepareRow', never('isRounded'))],
    ['waits for a parent that its own array brings', at('row-identity/parentsOf', never('parents', 'size'))],
    ['takes two spellings of a number for two rows', at('row-key/keyText', never('isInteger'))],
    ['takes two spellings of a UUID for two rows', at('row-key/keyText', never('uuid'))],
    ['meets rows by a partial index', at('uniqueRules', swap('!rule.isPartial &&', ''))],
    [
      'takes columns that the table does not have',
      at('givenColumns', swap('!table.columns.has(name)', 'false')),
    ],
    ['takes a row for its own parent', at('row-identity/parentsOf', drop('own', 'delete'))],
    ['leaves the nulls out that were asked for', at('membersOf', swap(`'null'`, 'undefined'))],
    [
      'gives the columns of a form in the order of the body',
      at(
        'givenColumns',
        swap('.sort((one, other) => table.columns.get(one)!.place - table.columns.get(other)!.place)', ''),
      ),
    ],
  ],
  'spec/submit.test.ts': [
    [
      'joins the parts of a key without their lengths',
      at('row-key/rowKey', swap('`${Buffer.byteLength(text)}:${text}`', 'text')),
    ],
  ],
  'spec/read-targets.test.ts': [
    ['agrees with a process whose targets have other keys', at('targets/lineOf', give('key', '[]'))],
  ],
  'spec/row-parents.test.ts': [
    ['repeats a statement again and again', at('runChildren', drop('repeated', 'add'))],
    [
      'refuses a child without a second statement',
      at('runChildren', swap("decided.kind === 'refused' &&", 'false &&')),
    ],
    ['knows no parent of a default', at('formColumns', swap('isNew ? keys.filter', 'false ? keys.filter'))],
    [
      'needs a parent for a default of an existing row',
      at('formColumns', swap("form.operation === 'insert' || form.ignoresExisting", 'isInsert')),
    ],
  ],
  'spec/rows-together.test.ts': [
    [
      'compares keys by the collation of the database',
      at('names/collated', swap('collation === null', 'true')),
    ],
    [
      'hides a null behind a later upsert',
      at('turnText', swap('!isNullable && !catalog.key.includes(name)', 'false')),
    ],
    ['folds keys of two spellings', at('isFoldable', swap('isExact(column)', 'true'))],
    [
      'hides a value that an index refuses',
      at('isFoldable', swap('column.mayBeTooLong !== true ||', 'true ||')),
    ],
  ],
  'spec/table-targets.test.ts': [
    [
      'writes children before their parents',
      at('Settling/#groupsOf', swap('place(one) - place(other)', 'place(other) - place(one)')),
    ],
    ['deletes parents before their children', at('Settling/#groupsOf', swap('1e6 - depth', '1e6 + depth'))],
    ['folds upserts of which a trigger sees each', at('isFoldable', always('isPlain'))],
    ['goes on behind a write that is blocked', at('Settling/#behind', always('before', 'undefined'))],
    [
      'refuses a child whose parent is on its way',
      at('tables/parents/fateOf/comes', swap('isPending(id)', 'false')),
    ],
    ['refuses a child that has time to wait', at('tables/parents/fateOf', swap('hasTime ||', ''))],
    [
      'lets a child wait for a parent that nobody brings',
      at('tables/parents/fateOf', always('hasTime', 'comes')),
    ],
    [
      'waits for a row that another transaction has locked',
      at('changeText', swap(`parts.mayWait ? '' : ' skip locked'`, `''`)),
    ],
    ['waits for locked rows of upserts', at('Settling/#free', always('looksForLocks'))],
    ['answers no idempotency key', at('sort-out/sortOut', never('row', 'undefined'))],
    [
      'overtakes a write of its row that waits in the intake',
      at('sort-out/sortOut', never('before', 'position', 'isIntake')),
    ],
    ['binds no idempotency key', at('Settling/finish', never('keyOf'))],
    ['answers a duplicate as if it were written', at('outcomeOfRow', never('exists'))],
    ['answers a change of no row as if there were one', at('outcomeOfRow', never('absent'))],
    ['writes some rows of an array', at('arrayCondition', swap(`faults.length === 0 ? ''`, `true ? ''`))],
    [
      'writes null into a column that the row leaves out',
      at('Parts/valueOf', swap('fallback === null ||', 'true ||')),
    ],
    [
      'takes a missing parent for a child that refers to the row',
      at('row-fault/codeOf', give('isOwn', 'false')),
    ],
    [
      'takes a change of a table for a fault of the write',
      at('TableTarget/#fault', swap('!isStale ||', 'true ||')),
    ],
    ['keeps the statements for a table that has changed', at('Tables/#read', drop('#statements', 'clear'))],
    ['tells of another row where a trigger has changed the key', at('runRows', never('count', 'written'))],
    [
      'writes a row twice in one statement',
      at('Parts/givenText', swap('`${place}) as turn`', `'1 as turn'`)),
    ],
    [
      'looks for no rule that a duplicate meets',
      at(
        'nameConflicts',
        swap(
          'new Map<string, string>() : await',
          'new Map<string, string>() : true ? new Map<string, string>() : await',
        ),
      ),
    ],
  ],
  'spec/trigger-keys.test.ts': [
    [
      'inserts an array in part where a trigger has changed a key',
      at('run-rows/changedOf', swap('|| isPartial', '')),
    ],
  ],
  'spec/call-targets.test.ts': [
    ['takes another number of results than of writes', at('call-target/take', never('results', 'length'))],
    ['takes a result that is none', at('call-target/outcomeOf', never('isAppliedResult'))],
    ['refuses for any error of the database', at('call/refusalOf', never('raised', 'test'))],
    ['runs what ends the transaction', at('callHandler', always('word', 'undefined'))],
    ['runs what ends the transaction behind a comment', at('withoutComments', first('return text;'))],
    [
      'gives the function its writes in another order',
      at('call-function/takenFromIntake', swap('order by w.place', 'order by w.place desc')),
    ],
    [
      'rounds the numbers of a body',
      at(
        'call-function/textOf',
        give('body', `JSON.stringify(JSON.parse(bodies.get(writeId)?.body ?? 'null'))`),
      ),
    ],
    ['binds no idempotency key of a call', at('call-target/take', never('keyOf'))],
  ],
  'spec/library-rows.test.ts': [['gives a program rounded numbers', at('parseExact', never('mayBeLong'))]],
  'api/exact-json.test.ts': [
    [
      'breaks an answer into lines',
      at('ExactJson/constructor', swap("replaceAll(/[\\r\\n]+/g, ' ')", 'trim()')),
    ],
  ],
};
