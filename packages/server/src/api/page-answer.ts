/** A page of documents as JSON: a small page in one piece, a larger one document by document as they are read. */
import type { DocumentPage, StoredDocument } from 'sluice/internal/client';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import type { ByteShare } from './byte-budget.ts';

/** Most characters of a page that is sent in one piece. */
const pieceCharactersMax = 1024 * 1024;

export interface PageAnswer {
  page: DocumentPage;
  share: ByteShare;
  present: (stored: StoredDocument) => string;
  /** Reads the documents that did not fit into the page. If missing, the page ends there. */
  readMore?: (documentIds: readonly string[]) => Promise<DocumentPage>;
}

export function sendPage(reply: FastifyReply, answer: PageAnswer): FastifyReply {
  const { page, share, present, readMore } = answer;
  void reply.type('application/json; charset=utf-8');
  const characters = charactersOf(page);
  share.hold(characters);
  if (characters <= pieceCharactersMax && (page.rest.length === 0 || readMore === undefined)) {
    return reply.send(`[${page.documents.map(present).join(',')}]`);
  }
  return reply.send(Readable.from(piecesOf(answer), { objectMode: false, highWaterMark: 1 }));
}

/** Each document is released when it is sent. */
async function* piecesOf({ page, share, present, readMore }: PageAnswer): AsyncGenerator<string> {
  let separator = '[';
  let { documents, rest } = page;
  for (;;) {
    for (let stored = documents.shift(); stored !== undefined; stored = documents.shift()) {
      yield separator + present(stored);
      separator = ',';
    }
    if (rest.length === 0 || readMore === undefined || share.isClosed) break;
    ({ documents, rest } = await readMore(rest));
    share.hold(charactersOf({ documents, rest }));
  }
  yield separator === '[' ? '[]' : ']';
}

function charactersOf({ documents }: DocumentPage): number {
  return documents.reduce((sum, { body }) => sum + body.length, 0);
}

/** `Link` to the rest of the requested page: a client that follows these links gets the whole page. */
export function linkToRest(
  request: FastifyRequest,
  { limit, offset }: { limit: number; offset: number },
): string {
  const url = new URL(request.url, 'http://node');
  url.searchParams.set('limit', String(limit));
  url.searchParams.set('offset', String(offset));
  return `<${url.pathname}${url.search}>; rel="next"`;
}
