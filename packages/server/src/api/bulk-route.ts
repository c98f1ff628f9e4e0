/** `POST /bulk`: many writes in one request, one a line; each line is answered when it settles. A refused line does not affect others. */
import { SluiceError } from 'sluice/internal/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { AnswerStream } from './answer-stream.ts';
import { explainBodies } from './error-answers.ts';
import { JsonScanner } from './json-scanner.ts';
import { jsonLimits } from './limits.ts';
import type { ApiNode } from './node.ts';
import { appliedPreferences, readPreferences, type Preferences } from './request-headers.ts';
import { BulkRun } from './bulk-run.ts';
import { bulkSchema } from './bulk-schema.ts';
import { watchReader } from './reader-clock.ts';

const takes = 'application/x-ndjson, uncompressed';

export function bulkRoute(app: FastifyInstance, node: ApiNode): void {
  const { limits } = node;
  const scannerLimits = { ...jsonLimits(limits), depthMax: limits.bodyDepthMax + 1 };
  const scanners = {
    documents: new JsonScanner(scannerLimits),
    rows: new JsonScanner({ ...scannerLimits, takesExactNumbers: true }),
  };

  explainBodies(app, node.profile, { takes, bytesMax: limits.bodyBytesMax });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    /^(?:application|text)\/(?:x-)?(?:ndjson|jsonl)(?:;|$)/,
    (_request: FastifyRequest, stream: IncomingMessage, done: (error: null, body: IncomingMessage) => void) =>
      done(null, stream),
  );

  app.post('/bulk', { schema: bulkSchema, config: { access: 'lines' } }, (request, reply) => {
    const { headers, query, body } = request;
    const encoding = headers['content-encoding'] ?? 'identity';
    if (!isStream(body) || encoding !== 'identity')
      throw new SluiceError('unsupported_media_type', `Cannot take the body: it is not ${takes}`);
    const preferences = readBulkPreferences(headers.prefer, query, limits.waitSecondsMax);
    const applied = appliedPreferences(preferences);
    if (applied !== undefined) reply.header('Preference-Applied', applied);
    const answers = new AnswerStream(limits.bulkAnswerBytesMax);
    // The client is gone. Otherwise the rest of the body is dropped.
    answers.once('close', () => {
      if (!answers.readableEnded) body.destroy();
    });
    const run = new BulkRun(node, scanners, request, preferences, answers);
    void run.take(body).then(() => watchReader(reply.raw, limits.readerTimeoutMs));
    return reply.type('application/x-ndjson').send(answers);
  });
}

/** The query may replace `Prefer`, for tools that set no headers. */
function readBulkPreferences(
  header: string | string[] | undefined,
  query: unknown,
  secondsMax: number,
): Preferences {
  const preferences = readPreferences(header, secondsMax);
  const { waitForReferences } = query as Record<string, string | undefined>;
  if (waitForReferences === undefined) return preferences;
  if (!/^\d{1,9}$/.test(waitForReferences)) {
    throw new SluiceError('invalid_request', 'Cannot read waitForReferences: it is not a number of seconds');
  }
  const waitForReferencesSeconds = Math.min(Number(waitForReferences), secondsMax);
  return { ...preferences, waitForReferencesSeconds };
}

function isStream(body: unknown): body is IncomingMessage {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}
