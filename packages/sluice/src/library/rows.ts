/** Tables, functions and handlers of a program: objects become requests of rows, and outcomes become typed answers. */
import { errorTable, isApplied, SluiceError, type Outcome } from '#protocol';
import type { ClientTarget, EnlistingClient } from '#client';
import type { RowRequest } from '#targets';
import { checkDocument } from './check-document.ts';
import type { StandardSchema } from './contract.ts';
import { rowsText, rowText } from './row-json.ts';
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
  if (target === undefined) throw new SluiceError('endpoint_not_found', `Cannot find the target: ${name}`);
  if ((target.kind === 'table') === isTable) return target;
  const right = isTable ? 'target' : 'table';
  throw new SluiceError(
    'endpoint_not_found',
    `Cannot use ${name} so: it is a ${target.kind}, for the method ${right}`,
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
    checkRowOptions('insert', this.name, options as Record<string, unknown>);
    const body = await rowsBody(this.#schemas, this.name, row);
    return this.#write({ target: this.name, operation: 'insert', body }, options);
  }

  async upsert(row: object, options: object = {}): Promise<never> {
    checkRowOptions('upsert', this.name, options as Record<string, unknown>);
    const body = await rowsBody(this.#schemas, this.name, row);
    return this.#write({ target: this.name, operation: 'upsert', body }, options);
  }

  async update(key: object, changes: object, options: object = {}): Promise<never> {
    checkRowOptions('update', this.name, options as Record<string, unknown>);
    const body = rowText(this.name, changes);
    return this.#write({ target: this.name, operation: 'update', key: { ...key }, body }, options);
  }

  async delete(key: object, options: object = {}): Promise<never> {
    checkRowOptions('delete', this.name, options as Record<string, unknown>);
    return this.#write({ target: this.name, operation: 'delete', key: { ...key }, body: null }, options);
  }

  async #write(request: RowRequest, options: object): Promise<never> {
    const outcome = await submitRow(this.#client, request, options);
    return answerRow(this.#client, request, outcome, options) as never;
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
    checkRowOptions('call', this.name, options as Record<string, unknown>);
    const request = callRequest(this.name, body);
    const outcome = await submitRow(this.#client, request, options);
    return answerCall(outcome, options) as never;
  }
}

/** What `submit` is given, as a request for the intake. */
export async function requestOf(
  client: EnlistingClient,
  schemas: Schemas,
  write: SubmittedRow | SubmittedCall,
): Promise<RowRequest> {
  if ('target' in write) return callRequest(targetOf(client, write.target, false).name, write.body);
  const { table, ...rest } = write;
  const { name: target } = targetOf(client, table, true);
  if (rest.operation === 'update' || rest.operation === 'delete') {
    const body = rest.operation === 'update' ? rowText(target, rest.changes) : null;
    return { target, operation: rest.operation, key: { ...rest.key }, body };
  }
  const { operation = 'insert', row, ...conditions } = rest;
  return { target, operation, body: await rowsBody(schemas, target, row), ...conditions };
}

function callRequest(target: string, body: unknown): RowRequest {
  const text = JSON.stringify(body) as string | undefined;
  if (text !== undefined) return { target, operation: 'insert', body: text };
  throw new SluiceError('invalid_document', `Cannot take the body for ${target}: it is no JSON value`);
}

/** Rows as their schema gives them: schemas may fill in defaults. */
async function rowsBody(schemas: Schemas, target: string, rows: object): Promise<string> {
  const schema = schemas[target] ?? schemas[target.replace(/^public\./, '')];
  if (schema === undefined) return rowsText(target, rows);
  if (!Array.isArray(rows)) return rowText(target, await checkDocument(schema, rows));
  const checked = await Promise.all(rows.map((row) => checkDocument(schema, row as object)));
  return rowsText(target, checked);
}

function submitRow(client: EnlistingClient, request: RowRequest, options: object): Promise<Outcome> {
  const { signal, waitMs, throwOnRefusal: _, ...conditions } = options as UpsertRowOptions;
  return client.submitRow(
    { ...request, ...conditions },
    { ...(waitMs === undefined ? {} : { waitMs }), ...(signal === undefined ? {} : { signal }) },
  );
}

interface AnswerOptions {
  throwOnRefusal?: boolean;
}

export function answerRow(
  client: EnlistingClient,
  request: RowRequest,
  outcome: Outcome,
  { throwOnRefusal = true }: AnswerOptions = {},
): RowWritten<object> | RowRefusal {
  if (!isApplied(outcome.result)) return refused(outcome, throwOnRefusal);
  const { result, detail, writeId } = outcome;
  const key = detail?.key ?? request.key ?? keyIn(client, request);
  return {
    result: result as RowWritten<object>['result'],
    key,
    rows: (detail?.rows as object[]) ?? null,
    writeId,
  };
}

export function answerCall(
  outcome: Outcome,
  { throwOnRefusal = true }: AnswerOptions = {},
): Called | RowRefusal {
  if (!isApplied(outcome.result)) return refused(outcome, throwOnRefusal);
  const { result, detail, writeId } = outcome;
  return { result: result as Called['result'], answer: detail?.answer ?? null, writeId };
}

/** The values that one row gives its key; null: the database gives one of them, or there are several rows. */
function keyIn(client: EnlistingClient, { target, body }: RowRequest): Record<string, unknown> | null {
  const row = JSON.parse(body!) as Record<string, unknown>;
  const key = client.targets().find(({ name }) => name === target)?.catalog?.key ?? [];
  if (Array.isArray(row) || key.some((name) => row[name] === undefined)) return null;
  return Object.fromEntries(key.map((name) => [name, row[name]]));
}

/** @throws {SluiceError} unless refusals are to be returned */
function refused({ result, code, detail, writeId }: Outcome, throwOnRefusal: boolean): RowRefusal {
  const { status, detail: message } = errorTable[code!];
  if (throwOnRefusal) throw new SluiceError(code!, undefined, { detail: { ...detail, writeId } });
  return { result: result as RowRefusal['result'], code: code!, status, message, detail, writeId };
}
