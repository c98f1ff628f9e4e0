/** The client of a program that embeds Sluice: takes objects and returns typed answers, on top of the client of nodes. */
import { isId, SluiceError, type Operation, type Outcome } from '#protocol';
import {
  createClient as createNodeClient,
  type EnlistingClient,
  type RunOnCaller,
  type StoredDocument,
  type WriteRequest,
} from '#client';
import type { Model, Resource } from '#model';
import { explained } from '#store';
import { answerOf, answerTo } from './answers.ts';
import type { CreateClientOptions } from './client-options.ts';
import { checkDocument } from './check-document.ts';
import {
  answerCall,
  answerRow,
  EmbeddedCall,
  EmbeddedTable,
  prepareSubmitted,
  targetOf,
  parsedOutcome,
} from './rows.ts';
import { jsonText } from './row-json.ts';
import { checkRowOptions, checkSubmitted, checkText } from './row-options.ts';
import type { CallTarget, SubmittedCall, SubmittedRow } from './row-contract.ts';
import { checkOptions, clientOptions, processOptions } from './options.ts';
import type {
  Client,
  DocumentTypes,
  StandardSchema,
  SubmitOptions,
  Submitted,
  SubmittedWrite,
} from './contract.ts';
import type { WriteOptions } from './write-options.ts';

/**
 * Connects, and checks the agreement of the deployment. Run `migrate()` before.
 * @throws {SluiceError} `configuration_invalid` that names the option, `database_unavailable`, `schema_outdated`,
 *   `deployment_disagrees`
 */
export async function createClient<D extends DocumentTypes = DocumentTypes>(
  options: CreateClientOptions<D>,
): Promise<Client<D>> {
  checkOptions('create a client', clientOptions, options);
  const { schemas = {}, ...others } = options;
  const client = createNodeClient(await processOptions('create a client', others));
  try {
    await explained(client.start());
    for (const name of Object.keys(schemas)) {
      if (client.model.findEndpoint(name) === undefined) targetOf(client, name, true);
    }
  } catch (error) {
    await client.stop();
    throw error;
  }
  return new EmbeddedClient<D>(client, schemas);
}

class EmbeddedClient<D extends DocumentTypes> implements Client<D> {
  readonly model: Model;
  readonly #client: EnlistingClient;
  readonly #schemas: Readonly<Record<string, StandardSchema | undefined>>;

  constructor(client: EnlistingClient, schemas: Readonly<Record<string, StandardSchema | undefined>>) {
    this.model = client.model;
    this.#client = client;
    this.#schemas = schemas;
  }

  async upsert(endpoint: string, document: object, options?: WriteOptions): Promise<never> {
    const body = await this.#bodyOf(endpoint, document);
    return this.#write('upsert', endpoint, undefined, body, options);
  }

  upsertText(endpoint: string, text: string, options?: WriteOptions): Promise<never> {
    return this.#write('upsert', endpoint, undefined, text, options);
  }

  async update(endpoint: string, id: string, document: object, options?: WriteOptions): Promise<never> {
    checkText('update the document', 'id', id);
    const body = await this.#bodyOf(endpoint, document);
    return this.#write('update', endpoint, id, body, options);
  }

  async delete(endpoint: string, id: string, options?: WriteOptions): Promise<never> {
    checkText('delete the document', 'id', id);
    return this.#write('delete', endpoint, id, null, options);
  }

  async get(endpoint: string, id: string): Promise<never> {
    const stored = await this.getText(endpoint, id);
    return (stored === null ? null : JSON.parse(stored.body)) as never;
  }

  async getText(endpoint: string, id: string): Promise<StoredDocument | null> {
    const resource = resourceOf(this.model, endpoint);
    checkText('read the document', 'id', id);
    return this.#client.readDocument(resource, id);
  }

  table(name: string): never {
    return new EmbeddedTable(this.#client, this.#schemas, name) as never;
  }

  target(name: string): CallTarget {
    return new EmbeddedCall(this.#client, name);
  }

  async submit(
    write: SubmittedWrite<D> | SubmittedRow | SubmittedCall,
    options: SubmitOptions,
  ): Promise<never> {
    if (typeof options?.client?.query !== 'function') {
      throw new SluiceError(
        'invalid_request',
        'Cannot submit the write: option client is not a client of pg with an open transaction',
      );
    }
    const given = checkSubmitted(write, options);
    const { client, transactionMs, ...conditions } = options;
    const run: RunOnCaller = (text, values) => client.query({ text, values });
    if ('endpoint' in given) {
      const request = { ...(await this.#requestOf(given)), ...conditions };
      const { writeId } = await this.#client.enlist(request, run, { transactionMs });
      return this.#submitted(writeId, (outcome) => answerOf(outcome)) as never;
    }
    const prepared = await prepareSubmitted(this.#client, this.#schemas, given);
    const request = { ...prepared.request, ...conditions };
    const { writeId } = await this.#client.enlistRow(request, run, { transactionMs });
    return this.#submitted(writeId, (outcome) =>
      'target' in given ? answerCall(outcome) : answerRow(this.#client, prepared, outcome),
    ) as never;
  }

  async #requestOf(write: SubmittedWrite<D>): Promise<WriteRequest> {
    const { operation = 'upsert', endpoint } = write;
    return {
      operation,
      resource: resourceOf(this.model, endpoint),
      body: 'document' in write ? await this.#bodyOf(endpoint, write.document) : null,
      ...('id' in write ? { documentId: write.id } : {}),
    };
  }

  #submitted<A>(writeId: string, answer: (outcome: Outcome) => A): Submitted<A> {
    return {
      writeId,
      answer: async (waits = {}) => {
        checkRowOptions('answer', writeId, waits);
        return answer(await this.#client.join(writeId, waits));
      },
    };
  }

  readWrite: Client['readWrite'] = async (writeId, client = '') => {
    if (!isId(writeId))
      throw new SluiceError('invalid_request', 'Cannot read the write: writeId is not the id of a write');
    checkText('read the write', 'client', client);
    const state = await this.#client.readWrite(client, writeId);
    return state && { ...state, outcome: state.outcome && parsedOutcome(this.#client, state.outcome) };
  };

  status: Client['status'] = () => this.#client.status();
  stop: Client['stop'] = () => this.#client.stop();

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #bodyOf(endpoint: string, document: object): Promise<string> {
    const { endpoint: name } = resourceOf(this.model, endpoint);
    const text = jsonText(await checkDocument(this.#schemas[name] ?? this.#schemas[endpoint], document));
    if (text !== undefined) return text;
    const message = 'has a value that JSON cannot represent';
    throw new SluiceError('invalid_document', `Cannot take the document for ${name}: it ${message}`, {
      detail: { errors: [{ path: '$', message }] },
    });
  }

  /** The called method declares the type of the answer. */
  async #write(
    operation: Operation,
    endpoint: string,
    documentId: string | undefined,
    body: string | null,
    options: WriteOptions = {},
  ): Promise<never> {
    const resource = resourceOf(this.model, endpoint);
    checkRowOptions('document', resource.endpoint, options);
    const { signal, waitMs, throwOnRefusal: _, ...conditions } = options;
    const submitted = this.#client.submit(
      {
        operation,
        resource,
        body,
        ...(documentId === undefined ? {} : { documentId }),
        ...conditions,
      },
      { waitMs, signal },
    );
    const answer = await answerTo(submitted, options, (outcome) => answerOf(outcome, options));
    return { id: documentId ?? null, ...answer } as never;
  }
}

/** @throws {SluiceError} `endpoint_not_found` */
function resourceOf(model: Model, endpoint: unknown): Resource {
  const isText = typeof endpoint === 'string';
  const resource = isText ? model.findEndpoint(endpoint) : undefined;
  if (resource !== undefined) return resource;
  throw new SluiceError(
    'endpoint_not_found',
    `Cannot find the endpoint in the model: ${isText ? endpoint : 'it is not a string'}`,
  );
}
