/**
 * `POST /bulk`: many writes in one request, one a line, answered a line each as they settle. A line that is refused
 * hurts no other. Reading stops while the window of writes under way is full, or while the client reads no answers.
 */
import { readLines, SluiceError, type Line } from 'sluice/internal/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { AnswerStream } from './answer-stream.ts';
import { chunksWithin, discardRest } from './body-clock.ts';
import { readBulkLine } from './bulk-line.ts';
import { assertMay } from './auth/guard.ts';
import { smallBodyBytes } from './byte-budget.ts';
import { explainBodies, problemOfAny } from './error-answers.ts';
import { JsonScanner } from './json-scanner.ts';
import { jsonLimits } from './limits.ts';
import { waitMsOf, type ApiNode } from './node.ts';
import { problemOf } from './problem.ts';
import { appliedPreferences, readPreferences, readTraceparent, type Preferences } from './request-headers.ts';
import { bulkSchema } from './bulk-schema.ts';
import { watchReader } from './reader-clock.ts';
import { answerOf, type WriteAnswer } from './write-answer.ts';
import { WriteWindow } from './write-window.ts';

/** What may surround a document in its line. */
const ENVELOPE_BYTES = 4_096;
const takes = 'application/x-ndjson, uncompressed';

export function bulkRoute(app: FastifyInstance, node: ApiNode): void {
  const { limits } = node;
  const scanner = new JsonScanner({ ...jsonLimits(limits), depthMax: limits.bodyDepthMax + 1 });

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
      throw new SluiceError('unsupported_media_type', `Cannot take the body as it is not ${takes}`);
    const preferences = readBulkPreferences(headers.prefer, query, limits.waitSecondsMax);
    const applied = appliedPreferences(preferences);
    if (applied !== undefined) reply.header('Preference-Applied', applied);
    const answers = new AnswerStream(limits.bulkAnswerBytesMax);
    // The client is gone. Of one that is told the end, the rest is let pass.
    answers.once('close', () => {
      if (!answers.readableEnded) body.destroy();
    });
    void run(request, body, answers, preferences).then(() => watchReader(reply.raw, limits.readerTimeoutMs));
    return reply.type('application/x-ndjson').send(answers);
  });

  /** Never rejects: whatever breaks ends the answers. */
  async function run(
    request: FastifyRequest,
    body: IncomingMessage,
    answers: AnswerStream,
    preferences: Preferences,
  ): Promise<void> {
    const waits = preferences.waitForReferencesSeconds !== null && !preferences.respondAsync;
    const window = new WriteWindow(
      limits.bulkWritesMax,
      waits ? limits.bulkWaitingWritesMax : limits.bulkWritesMax,
      limits.bulkBytesMax,
    );
    let begun = 0;
    let end: SluiceError | null = null;
    try {
      for await (const line of readLines(
        chunksWithin(body, limits.bodyTimeoutMs),
        limits.bodyBytesMax + ENVELOPE_BYTES,
      )) {
        if (line.bytes !== null && isBlank(line.bytes)) continue;
        if (!(await answers.roomy(limits.readerTimeoutMs))) {
          end = stalled(limits.readerTimeoutMs);
          break;
        }
        await window.enter(line.bytes?.length);
        await turnOf(request);
        if (answers.destroyed) break;
        begun = line.number;
        void answer(request, line, preferences).then((text) => {
          answers.add(text);
          window.leave(line.bytes?.length);
        });
      }
    } catch (error) {
      // The client went away with a line half sent: what was accepted is settled all the same.
      if (!isTimeout(error)) return void answers.destroy(error instanceof Error ? error : undefined);
      end = error;
    }
    await window.emptied();
    if (end !== null) {
      answers.add(lastLine(end, begun));
      discardRest(body, limits.bodyTimeoutMs);
    }
    answers.end();
  }

  /** A line beyond the client's rate is not refused: it is read later. */
  async function turnOf(request: FastifyRequest): Promise<void> {
    for (let waitMs; (waitMs = node.quota.take(request.principal.client)) > 0;) await pause(waitMs);
  }

  /** Never rejects. */
  async function answer(request: FastifyRequest, line: Line, preferences: Preferences): Promise<string> {
    const { number, bytes } = line;
    const held = bytes !== null && bytes.length > smallBodyBytes ? bytes.length : 0;
    let isHeld = false;
    try {
      if (held > 0) await node.bodies.take(held);
      isHeld = true;
      return JSON.stringify({ line: number, ...(await write(request, line, preferences)) });
    } catch (error) {
      const problem = problemOfAny(error, request);
      return JSON.stringify({ line: number, status: problem.status, problem });
    } finally {
      if (isHeld && held > 0) node.bodies.free(held);
    }
  }

  async function write(
    request: FastifyRequest,
    { bytes, number }: Line,
    preferences: Preferences,
  ): Promise<WriteAnswer | { status: 202; writeId: string }> {
    if (bytes === null)
      throw new SluiceError(
        'payload_too_large',
        `Cannot take the line as it is larger than ${limits.bodyBytesMax} bytes`,
      );
    const write = readBulkLine(node, scanner, { bytes, number }, (endpoint) =>
      assertMay(request, 'write', endpoint),
    );
    write.client = request.principal.client;
    write.waitForReferencesSeconds = preferences.waitForReferencesSeconds;
    write.traceparent = readTraceparent(request.headers);
    if (preferences.respondAsync) return { status: 202, ...(await node.client.accept(write)) };
    const waitMs = waitMsOf(node, preferences.waitSeconds, preferences.waitForReferencesSeconds);
    const outcome = await node.client.submit(write, { waitMs });
    const { location: _, ...answer } = answerOf(outcome, write.operation, node.client.model, node.basePath);
    return answer;
  }
}

function stalled(timeoutMs: number): SluiceError {
  return new SluiceError('request_timeout', `No more of the answers was read within ${timeoutMs} ms.`);
}

function isTimeout(error: unknown): error is SluiceError {
  return error instanceof SluiceError && error.code === 'request_timeout';
}

/** Of a request that is ended before all its lines were read: which of them have an answer, and which never will. */
function lastLine(end: SluiceError, begun: number): string {
  const detail = `${end.message} Lines up to ${begun} have their answers above; those behind it were not begun.`;
  const problem = problemOf(end.code, detail);
  return JSON.stringify({ line: null, status: problem.status, linesBegun: begun, problem });
}

/** The query says what `Prefer` would, for tools that set no headers. */
function readBulkPreferences(
  header: string | string[] | undefined,
  query: unknown,
  secondsMax: number,
): Preferences {
  const preferences = readPreferences(header, secondsMax);
  const { waitForReferences } = query as Record<string, string | undefined>;
  if (waitForReferences === undefined) return preferences;
  if (!/^\d{1,9}$/.test(waitForReferences)) {
    throw new SluiceError(
      'invalid_request',
      'Cannot read waitForReferences as it is not a number of seconds',
    );
  }
  const waitForReferencesSeconds = Math.min(Number(waitForReferences), secondsMax);
  return { ...preferences, waitForReferencesSeconds };
}

function isStream(body: unknown): body is IncomingMessage {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.length < 3 && bytes.toString('latin1').trim() === '';
}
