/** Tables, functions and handlers of a program: makes row requests of objects, and typed answers of outcomes. */
import {
  isApplied,
  parsedDetail,
  parseExact,
  SluiceError,
  type Outcome,
  type ParsedOutcome,
} from '#protocol';
import { exactRows } from './exact-rows.ts';
import type { ClientTarget, EnlistingClient } from '#client';
import type { RowRequest } from '#targets';
import { answerTo, refusalOf, type AnswerOptions } from './answers.ts';
import { checkDocument } from './check-document.ts';
import type { StandardSchema } from './contract.ts';
import { jsonText, rowsText, rowText } from './row-json.ts';
import { checkRowOptions } from './row-options.ts';
import type {
  Called,
  RowRefusal,
  RowWritten,
  SubmittedCall,
  SubmittedRow,
  Table,
  CallTarget,
  UpsertRowOptions,
} from './row-contract.ts';

type Schemas = Readonly<Record<string, StandardSchema | undefined>>;

/** @throws {SluiceError} `endpoint_not_found` if no target of this kind has the name */
export function targetOf(client: EnlistingClient, name: string, isTable: boolean): ClientTarget {
  const all = client.targets();
  const target = all.find((each) => each.name === name) ?? all.find((each) => each.name === `public.${name}`);
  if (target === undefined) {
    const known = all.length === 0 ? 'none' : all.map((each) => each.name).join(', ');
    throw new SluiceError('endpoint_not_found', `Cannot find the target: ${name}; the targets are: ${known}`);
  }
  if ((target.kind === 'table') === isTable) return target;
  const right = isTable ? 'target' : 'table';
  throw new SluiceError(
    'endpoint_not_found',
    `Cannot use ${name} here: it is a ${target.kind}, which the method ${right} writes to`,
  );
}

export class EmbeddedTable implements Table<object> {
  readonly name: string;
  readonly #client: EnlistingClient;
  readonly #schemas: Schemas;

  constructor(client: EnlistingClient, schemas: Schemas, name: string) {
    this.name = targetOf(client, name, true).name;
    this.#client = client;
    this.#schemas = schemas;
  }

  async insert(row: object, options: object = {}): Promise<never> {
    checkRowOptions('insert', this.name, options);
    return this.#write(await newRows(this.#schemas, this.name, 'insert', row), options);
  }

  async upsert(row: object, options: object = {}): Promise<never> {
    checkRowOptions('upsert', this.name, options);
    return this.#write(await newRows(this.#schemas, this.name, 'upsert', row), options);
  }

  async update(key: object, changes: object, options: object = {}): Promise<never> {
    checkRowOptions('update', this.name, options);
    return this.#write(await change(this.name, 'update', key, changes), options);
  }

  async delete(key: object, options: object = {}): Promise<never> {
    checkRowOptions('delete', this.name, options);
    return this.#write(await change(this.name, 'delete', key), options);
  }

  #write(write: PreparedRow, options: object): Promise<never> {
    const submitted = submitRow(this.#client, write.request, options);
    return answerTo(submitted, options, (outcome) =>
      answerRow(this.#client, write, outcome, options),
    ) as Promise<never>;
  }
}

export class EmbeddedCall implements CallTarget {
  readonly name: string;
  readonly #client: EnlistingClient;

  constructor(client: EnlistingClient, name: string) {
    this.name = targetOf(client, name, false).name;
    this.#client = client;
  }

  async submit(body: unknown, options: object = {}): Promise<never> {
    checkRowOptions('call', this.name, options);
    const request = callRequest(this.name, body);
    const submitted = submitRow(this.#client, request, options);
    return (await answerTo(submitted, options, (outcome) => answerCall(outcome, options))) as never;
  }
}

/** A request, with the row, the rows or the key that the program passed. */
interface PreparedRow {
  request: RowRequest;
  given: object;
}

/** The argument of `submit` as a request for the intake. */
export async function prepareSubmitted(
  client: EnlistingClient,
  schemas: Schemas,
  write: SubmittedRow | SubmittedCall,
): Promise<PreparedRow> {
  if ('target' in write) {
    return { request: callRequest(targetOf(client, write.target, false).name, write.body), given: {} };
  }
  const { name } = targetOf(client, write.table, true);
  if (write.operation === 'update') return change(name, 'update', write.key, write.changes);
  if (write.operation === 'delete') return change(name, 'delete', write.key);
  const { table: _, operation = 'insert', row, ...conditions } = write;
  const prepared = await newRows(schemas, name, operation, row);
  return { ...prepared, request: { ...prepared.request, ...conditions } };
}

function callRequest(target: string, body: unknown): RowRequest {
  const text = jsonText(body);
  if (text !== undefined) return { target, operation: 'insert', body: text };
  throw new SluiceError('invalid_document', `Cannot take the body for ${target}: it is not a JSON value`);
}

/** Asynchronous like {@link newRows}, so that an update does not overtake an insert that was called before it. */
async function change(
  target: string,
  operation: 'update' | 'delete',
  key: object,
  changes?: object,
): Promise<PreparedRow> {
  const body = operation === 'delete' ? null : rowText(target, changes);
  return { request: { target, operation, key: { ...key }, body }, given: key };
}

/** Rows as their schema returns them, because schemas may fill in defaults. */
async function newRows(
  schemas: Schemas,
  target: string,
  operation: 'insert' | 'upsert',
  rows: object,
): Promise<PreparedRow> {
  const schema = schemas[target] ?? schemas[target.replace(/^public\./, '')];
  const check = (row: unknown): Promise<unknown> => checkDocument(schema, row as object);
  let given: unknown = rows;
  if (schema !== undefined)
    given = Array.isArray(rows) ? await Promise.all(rows.map(check)) : await check(rows);
  return { request: { target, operation, body: rowsText(target, given as object) }, given: given as object };
}

function submitRow(client: EnlistingClient, request: RowRequest, options: object): Promise<Outcome> {
  const { signal, waitMs, throwOnRefusal: _, ...conditions } = options as UpsertRowOptions;
  return client.submitRow({ ...request, ...conditions }, { waitMs, signal });
}

export function answerRow(
  client: EnlistingClient,
  write: PreparedRow,
  outcome: Outcome,
  options: AnswerOptions = {},
): RowWritten<object> | RowRefusal {
  if (!isApplied(outcome.result)) return refusalOf(outcome, options);
  const { result, detail, writeId } = outcome;
  return {
    result: result as RowWritten<object>['result'],
    key: detail?.key ?? givenKey(client, write),
    rows: exactRows(detail?.rowTexts, targetNamed(client, write.request.target)?.catalog),
    writeId,
  };
}

export function answerCall(outcome: Outcome, options: AnswerOptions = {}): Called | RowRefusal {
  if (!isApplied(outcome.result)) return refusalOf(outcome, options);
  const { result, detail, writeId } = outcome;
  const { answerText = 'null' } = detail ?? {};
  return { result: result as Called['result'], answer: parseExact(answerText), writeId };
}

/** An outcome of any target, with its rows as a table returns them. */
export function parsedOutcome(client: EnlistingClient, outcome: Outcome): ParsedOutcome {
  const { resource, detail } = outcome;
  if (detail === null) return { ...outcome, detail };
  const rows = exactRows(detail.rowTexts, targetNamed(client, resource)?.catalog);
  return { ...outcome, detail: { ...parsedDetail(detail), ...(rows === null ? {} : { rows }) } };
}

function targetNamed(client: EnlistingClient, target: string): ClientTarget | undefined {
  return client.targets().find(({ name }) => name === target);
}

/** The key values of one row; null: the database gives one of them, or there are several rows. */
function givenKey(client: EnlistingClient, { request, given }: PreparedRow): Record<string, unknown> | null {
  const row = given as Record<string, unknown>;
  const key = targetNamed(client, request.target)?.catalog?.key ?? [];
  if (Array.isArray(row) || key.some((name) => row[name] === undefined)) return null;
  return Object.fromEntries(key.map((name) => [name, row[name]]));
}
