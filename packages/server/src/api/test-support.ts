// A client for tests of the HTTP mapping: it answers as it is told and remembers what it was asked. What a write does is
// tested on PostgreSQL, in test/spec.
import type {
  ClientStatus,
  ClientTarget,
  ClientUsage,
  DocumentPage,
  SluiceClient,
  StoredDocument,
  WriteRequest,
  WriteState,
} from 'sluice/internal/client';
import { parseModel } from 'sluice/model';
import type { Outcome } from 'sluice/internal/protocol';
import type { RowRequest } from 'sluice/internal/targets';

export const model = parseModel({
  project: 'Ed-Fi',
  resources: [
    {
      name: 'School',
      endpoint: 'ed-fi/schools',
      identity: ['$.schoolId'],
      schema: { type: 'object', properties: { schoolId: { type: 'integer' } } },
    },
    { name: 'Thing', endpoint: 'ed-fi/things', identity: ['$.id'] },
  ],
});

export const documentId = '01998a4e-0000-7000-8000-000000000001';
export const writeId = '01998a4e-0000-7000-8000-0000000000ff';

export const created: Outcome = {
  writeId,
  result: 'created',
  code: null,
  resource: 'ed-fi/schools',
  documentId,
  version: 1,
  contentHash: 'abc',
  detail: null,
};

export class FakeClient implements SluiceClient {
  readonly model = model;
  readonly requests: WriteRequest[] = [];
  readonly waits: (number | undefined)[] = [];
  answer: (request: WriteRequest) => Outcome | Promise<Outcome> = () => created;
  documents: StoredDocument[] = [];
  /** Most documents of one page. */
  documentsMax = Infinity;
  write: WriteState | null = null;
  readonly asked: (readonly string[])[] = [];
  health: ClientStatus = {
    mode: 'coordinated',
    isStarted: true,
    isDatabaseReachable: true,
    writesRefused: null,
    isListening: true,
    waiting: 0,
    lanesWithoutLeader: [],
    lanesOverloaded: [],
  };

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  async submit(request: WriteRequest, options?: { waitMs?: number }): Promise<Outcome> {
    this.requests.push(request);
    this.waits.push(options?.waitMs);
    return this.answer(request);
  }

  async accept(request: WriteRequest): Promise<{ writeId: string }> {
    this.requests.push(request);
    return { writeId };
  }

  readonly rows: RowRequest[] = [];
  tables: ClientTarget[] = [];
  answerRow: (request: RowRequest) => Outcome | Promise<Outcome> = () => created;

  targets(): readonly ClientTarget[] {
    return this.tables;
  }

  async submitRow(request: RowRequest, options?: { waitMs?: number }): Promise<Outcome> {
    this.rows.push(request);
    this.waits.push(options?.waitMs);
    return this.answerRow(request);
  }

  async acceptRow(request: RowRequest): Promise<{ writeId: string }> {
    this.rows.push(request);
    return { writeId };
  }

  async readDocument(_resource: unknown, id: string): Promise<StoredDocument | null> {
    return this.documents.find((document) => document.documentId === id) ?? null;
  }

  async listDocuments(_resource: unknown, page: { limit: number; offset: number }): Promise<DocumentPage> {
    return this.#pageOf(this.documents.slice(page.offset, page.offset + page.limit));
  }

  async readDocuments(ids: readonly string[]): Promise<DocumentPage> {
    return this.#pageOf(this.documents.filter(({ documentId }) => ids.includes(documentId)));
  }

  #pageOf(documents: StoredDocument[]): DocumentPage {
    const rest = documents.slice(this.documentsMax);
    return {
      documents: documents.slice(0, this.documentsMax),
      rest: rest.map((document) => document.documentId),
    };
  }

  async countDocuments(): Promise<number> {
    return this.documents.length;
  }

  async readWrite(): Promise<WriteState | null> {
    return this.write;
  }

  async readWrites(_client: string, writeIds: readonly string[]): Promise<WriteState[]> {
    this.asked.push(writeIds);
    return this.write === null ? [] : [this.write];
  }

  async status(): Promise<ClientStatus> {
    return this.health;
  }

  usage(): ClientUsage {
    return { waiting: 0, isListening: true, gathering: null, pools: {} };
  }
}

export function stored(body: string, id = documentId): StoredDocument {
  return {
    documentId: id,
    body,
    contentHash: 'abc',
    version: 1,
    createdAt: '2026-01-02T03:04:05.678Z',
    modifiedAt: '2026-01-02T03:04:05.678Z',
  };
}
