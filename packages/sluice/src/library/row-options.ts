/** Checks the options of one write, and names a wrong one, which would be ignored otherwise. */
import { SluiceError } from '#protocol';

type Form = readonly [what: string, fits: (value: unknown) => boolean];

const names: Form = ['a list of names of columns', (value) => Array.isArray(value) && value.every(isText)];
const flag: Form = ['true or false', (value) => typeof value === 'boolean'];
const text: Form = ['a string', isText];
const oneOf = (...words: string[]): Form => [words.join(' or '), (value) => words.includes(value as string)];
const atLeastZero: Form = [
  'a number of 0 or more',
  (value) => Number.isFinite(value) && (value as number) >= 0,
];

const common: Readonly<Record<string, Form>> = {
  signal: ['an AbortSignal', (value) => value instanceof AbortSignal],
  idempotencyKey: text,
  client: text,
  waitMs: atLeastZero,
  waitForReferencesSeconds: atLeastZero,
  throwOnRefusal: flag,
};
const ofRows = { ...common, returning: flag };
const ofNewRows = { ...ofRows, columns: names, missing: oneOf('default', 'null') };

/** The options of each operation. */
export const rowOptionForms = {
  insert: ofNewRows,
  upsert: { ...ofNewRows, onConflict: names, resolution: oneOf('merge', 'ignore') },
  update: ofRows,
  delete: ofRows,
  call: common,
  document: { ...common, ifMatch: text },
} as const satisfies Record<string, Readonly<Record<string, Form>>>;

/** All writes of these kinds take the same options. */
const plain = { call: true, document: true };

/** @throws {SluiceError} `invalid_request` that names the option */
export function checkRowOptions(doing: keyof typeof rowOptionForms, target: string, options: object): void {
  if (typeof options !== 'object' || options === null)
    throw new SluiceError('invalid_request', `Cannot write to ${target}: the options are not an object`);
  const forms: Readonly<Record<string, Form>> = rowOptionForms[doing];
  for (const [name, value] of Object.entries(options)) {
    const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
    if (form === undefined)
      throw wrong(target, name, doing in plain ? 'is not known' : `is not known for ${doing}`);
    const [what, fits] = form;
    if (value !== undefined && !fits(value)) throw wrong(target, name, `is not ${what}`);
  }
}

function wrong(target: string, name: string, reason: string): SluiceError {
  return new SluiceError('invalid_request', `Cannot write to ${target}: option ${name} ${reason}`, {
    detail: { option: name },
  });
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
