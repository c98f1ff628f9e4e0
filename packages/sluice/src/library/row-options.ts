/** Checks the options of one write, and the fields of a submitted one. It names a wrong one, which would be ignored otherwise. */
import { SluiceError } from '#protocol';

type Form = readonly [what: string, fits: (value: unknown) => boolean];

const names: Form = ['a list of names of columns', (value) => Array.isArray(value) && value.every(isText)];
const flag: Form = ['true or false', (value) => typeof value === 'boolean'];
const text: Form = ['a string of one or more characters', isText];
const oneOf = (...words: string[]): Form => [words.join(' or '), (value) => words.includes(value as string)];
/** A timer of Node.js ends a longer wait at once, and a date of JavaScript ends before a much later deadline. */
const timeMax = 2 ** 31 - 1;
const time: Form = [
  `a number from 0 to ${timeMax}`,
  (value) => typeof value === 'number' && value >= 0 && value <= timeMax,
];

const common: Readonly<Record<string, Form>> = {
  signal: ['an AbortSignal', (value) => value instanceof AbortSignal],
  idempotencyKey: text,
  client: ['a string', (value) => typeof value === 'string'],
  waitMs: time,
  waitForReferencesSeconds: time,
  throwOnRefusal: flag,
};
const ofRows = { ...common, returning: flag };
const ofNewRows = { ...ofRows, columns: names, missing: oneOf('default', 'null') };

/** `client` is the transaction of the caller here. */
const ofSubmit: Readonly<Record<string, Form>> = {
  client: ['a client of pg', (value) => typeof value === 'object'],
  transactionMs: [
    'a whole number of milliseconds',
    (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= timeMax,
  ],
  idempotencyKey: text,
  waitForReferencesSeconds: time,
};

/** The options of each operation. */
const rowOptionForms = {
  insert: ofNewRows,
  upsert: { ...ofNewRows, onConflict: names, resolution: oneOf('merge', 'ignore') },
  update: ofRows,
  delete: ofRows,
  call: common,
  document: { ...common, ifMatch: text },
  answer: { signal: common['signal']!, waitMs: time },
  submitDocument: { ...ofSubmit, ifMatch: text },
  submitRow: { ...ofSubmit, returning: flag },
} as const satisfies Record<string, Readonly<Record<string, Form>>>;

/** All writes of these kinds take the same options. */
const plain = { call: true, document: true, answer: true, submitDocument: true, submitRow: true };

interface Shape {
  needs: readonly string[];
  takes?: Readonly<Record<string, Form>>;
}

const ofInsert = { columns: names, missing: ofNewRows.missing };
const { onConflict, resolution } = rowOptionForms.upsert;

/** The fields of a write that `submit` takes, by the field that names its target. The first operation is the default. */
const submittedShapes: Readonly<Record<string, Readonly<Record<string, Shape>>>> = {
  endpoint: {
    upsert: { needs: ['document'] },
    update: { needs: ['id', 'document'] },
    delete: { needs: ['id'] },
  },
  table: {
    insert: { needs: ['row'], takes: ofInsert },
    upsert: { needs: ['row'], takes: { ...ofInsert, onConflict, resolution } },
    update: { needs: ['key', 'changes'] },
    delete: { needs: ['key'] },
  },
  target: { call: { needs: ['body'] } },
};

/**
 * @returns the write without fields that are undefined, because the fields decide what it is
 * @throws {SluiceError} `invalid_request` that names the field of the write, or the option
 */
export function checkSubmitted<T>(write: T, options: object): T {
  if (typeof write !== 'object' || write === null) throw unsubmittable('the write is not an object');
  const given = Object.fromEntries(Object.entries(write).filter(([, value]) => value !== undefined));
  const [place, ...others] = Object.keys(submittedShapes).filter((name) => name in given);
  if (place === undefined || others.length > 0) throw unsubmittable('give one of endpoint, table and target');
  const shapes = submittedShapes[place]!;
  const { operation = Object.keys(shapes)[0]! } = given;
  const shape = Object.entries(shapes).find(([name]) => name === operation)?.[1];
  if (shape === undefined) throw unsubmittable(`operation is not ${Object.keys(shapes).join(' or ')}`);
  const known = [place, ...shape.needs, ...(place === 'target' ? [] : ['operation'])];
  for (const [name, value] of Object.entries(given)) {
    const form = shape.takes?.[name];
    if (form === undefined && !known.includes(name))
      throw unsubmittable(`field ${name} is not known for ${String(operation)}`);
    if (form?.[1](value) === false) throw unsubmittable(`field ${name} is not ${form[0]}`);
  }
  const absent = shape.needs.find((name) => !(name in given));
  if (absent !== undefined) throw unsubmittable(`field ${absent} is missing`);
  for (const name of [place, 'id'])
    if (name in given) checkText('submit the write', `field ${name}`, given[name]);
  checkRowOptions(place === 'endpoint' ? 'submitDocument' : 'submitRow', String(given[place]), options);
  return given as T;
}

/** @throws {SluiceError} `invalid_request` that names the argument */
export function checkText(task: string, argument: string, value: unknown): void {
  if (typeof value !== 'string')
    throw new SluiceError('invalid_request', `Cannot ${task}: ${argument} is not a string`);
}

function unsubmittable(reason: string): SluiceError {
  return new SluiceError('invalid_request', `Cannot submit the write: ${reason}`);
}

/** @throws {SluiceError} `invalid_request` that names the option */
export function checkRowOptions(doing: keyof typeof rowOptionForms, target: string, options: object): void {
  const task = doing === 'answer' ? `wait for the answer to ${target}` : `write to ${target}`;
  if (typeof options !== 'object' || options === null)
    throw new SluiceError('invalid_request', `Cannot ${task}: the options are not an object`);
  const forms: Readonly<Record<string, Form>> = rowOptionForms[doing];
  for (const [name, value] of Object.entries(options)) {
    const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
    if (form === undefined)
      throw wrong(task, name, doing in plain ? 'is not known' : `is not known for ${doing}`);
    const [what, fits] = form;
    if (value !== undefined && !fits(value)) throw wrong(task, name, `is not ${what}`);
  }
}

function wrong(task: string, name: string, reason: string): SluiceError {
  return new SluiceError('invalid_request', `Cannot ${task}: option ${name} ${reason}`, {
    detail: { option: name },
  });
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
