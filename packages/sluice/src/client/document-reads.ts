/**
 * What a node reads of documents, and how much at a time. Small reads happen without a question. Before a larger one,
 * the caller is asked for room. A document beyond the limit is reported by its size alone.
 */
import { caseVariants } from '#model';
import { isId, SluiceError } from '#protocol';
import type { Row } from '#store';
import type { Run } from './client-reads.ts';
import type { DocumentFilter, DocumentPage, Page, ReadOptions, StoredDocument } from './contract.ts';

interface DocumentReadsOptions {
  run: Run;
  documentBytesMax: number;
  pageBytesMax: number;
}

/** Most bytes that are read without a question; enough for most documents and pages. */
const unaskedBytesMax = 1024 * 1024;

export class DocumentReads {
  readonly #options: DocumentReadsOptions;
  readonly #unaskedBytesMax: number;

  constructor(options: DocumentReadsOptions) {
    this.#options = options;
    this.#unaskedBytesMax = Math.min(unaskedBytesMax, options.documentBytesMax, options.pageBytesMax);
  }

  async readDocument(
    resource: { endpoint: string },
    documentId: string,
    { admit }: ReadOptions = {},
  ): Promise<StoredDocument | null> {
    // Text that is not an id belongs to no document.
    if (!isId(documentId)) return null;
    const { run, documentBytesMax } = this.#options;
    const look = (bytesMax: number): Promise<Row[]> =>
      run('readDocument', [documentId, resource.endpoint, bytesMax]);
    let [row] = await look(admit === undefined ? documentBytesMax : this.#unaskedBytesMax);
    while (row !== undefined && row['body'] === null) {
      const bytes = row['bytes'] as number;
      if (bytes > documentBytesMax) throw this.#tooLarge(documentId, bytes);
      await admit?.(bytes);
      // The document may have grown in the meantime.
      [row] = await look(bytes);
    }
    return row === undefined ? null : documentOf(row);
  }

  async listDocuments(
    resource: { endpoint: string },
    { limit, offset, filter }: Page,
    options: ReadOptions = {},
  ): Promise<DocumentPage> {
    const { run } = this.#options;
    const { endpoint } = resource;
    const rows =
      filter === undefined
        ? await run('listDocuments', [endpoint, limit, offset])
        : await run(filter.referentialIds.length > 0 ? 'findReferrers' : 'findDocuments', [
            ...filterValues(endpoint, filter),
            limit,
            offset,
          ]);
    return this.readDocuments(
      rows.map((row) => row['document_id'] as string),
      options,
    );
  }

  async readDocuments(documentIds: readonly string[], { admit }: ReadOptions = {}): Promise<DocumentPage> {
    const { documentBytesMax, pageBytesMax } = this.#options;
    const unasked = this.#unaskedBytesMax;
    const first = await this.#readSlice(documentIds, unasked, unasked);
    if (first.unread === null) return { documents: first.documents, rest: [] };
    const rest = documentIds.slice(first.unread.index);
    const room = pageBytesMax - first.bytes;
    const isEmpty = first.documents.length === 0;
    if (isEmpty && first.unread.bytes > documentBytesMax) {
      throw this.#tooLarge(rest[0] ?? '', first.unread.bytes);
    }
    if (!isEmpty && first.unread.bytes > room) return { documents: first.documents, rest };
    await admit?.(Math.max(room, first.unread.bytes));
    const second = await this.#readSlice(rest, room, isEmpty ? first.unread.bytes : room);
    return {
      documents: [...first.documents, ...second.documents],
      rest: second.unread === null ? [] : rest.slice(second.unread.index),
    };
  }

  async countDocuments(resource: { endpoint: string }, filter?: DocumentFilter): Promise<number> {
    const { run } = this.#options;
    const { endpoint } = resource;
    const [row] =
      filter === undefined
        ? await run('countDocuments', [endpoint])
        : await run(
            filter.referentialIds.length > 0 ? 'countReferrers' : 'countFound',
            filterValues(endpoint, filter),
          );
    return (row?.['documents'] as number | undefined) ?? 0;
  }

  /** Reads documents in the order of the ids, up to a number of bytes; the first may have `firstBytesMax`. */
  async #readSlice(
    ids: readonly string[],
    bytesMax: number,
    firstBytesMax: number,
  ): Promise<{
    documents: StoredDocument[];
    bytes: number;
    /** The first document that did not fit. */
    unread: { index: number; bytes: number } | null;
  }> {
    const rows =
      ids.length === 0 ? [] : await this.#options.run('readDocuments', [ids, bytesMax, firstBytesMax]);
    const last = rows.at(-1);
    const unread =
      last === undefined || last['is_read'] === true
        ? null
        : { index: (last['place'] as number) - 1, bytes: last['bytes'] as number };
    const read = rows.filter((row) => row['is_read'] === true && row['document_id'] !== null);
    const bytes = read.reduce((sum, row) => sum + (row['bytes'] as number), 0);
    return { documents: read.map(documentOf), bytes, unread };
  }

  #tooLarge(documentId: string, bytes: number): SluiceError {
    const { documentBytesMax } = this.#options;
    return new SluiceError(
      'document_too_large',
      `Cannot read the document ${documentId}: it has ${bytes} bytes as PostgreSQL writes it, and this node reads ${documentBytesMax}`,
      { detail: { documentId, bytes, bytesMax: documentBytesMax } },
    );
  }
}

function filterValues(endpoint: string, { contains, folded, referentialIds }: DocumentFilter): unknown[] {
  const variants = folded.map(({ value }) => caseVariants(value));
  const values = [
    endpoint,
    contains.map((part) => JSON.stringify(part)),
    // Names of a model have no characters that an array literal needs to quote.
    folded.map(({ path }) => `{${path.join(',')}}`),
    folded.map(({ value }) => value),
    variants.map(({ from }) => from),
    variants.map(({ to }) => to),
  ];
  return referentialIds.length > 0 ? [...values, referentialIds] : values;
}

function documentOf(row: Row): StoredDocument {
  return {
    documentId: row['document_id'] as string,
    body: row['body'] as string,
    contentHash: row['content_hash'] as string,
    version: row['version'] as number,
    createdAt: row['created_at'] as string,
    modifiedAt: row['modified_at'] as string,
  };
}
