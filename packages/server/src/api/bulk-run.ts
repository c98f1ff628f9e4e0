/**
 * One bulk request: reads, writes and answers its lines. Reading stops while the window of writes under way is full,
 * or while the client does not read answers.
 */
import { readLines, SluiceError, type Line } from 'sluice/internal/protocol';
import type { FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { AnswerStream } from './answer-stream.ts';
import { chunksWithin, discardRest } from './body-clock.ts';
import { readBulkLine, type BulkScanners } from './bulk-line.ts';
import { assertMay } from './auth/guard.ts';
import { exactJson } from './exact-json.ts';
import { problemOfAny } from './error-answers.ts';
import { LineRoom } from './line-room.ts';
import { waitMsOf, type ApiNode } from './node.ts';
import { problemOf } from './problem.ts';
import { readTraceparent, type Preferences } from './request-headers.ts';
import { answerOf, type WriteAnswer } from './write-answer.ts';
import { WriteWindow } from './write-window.ts';

/** Most bytes around a document in its line. */
const ENVELOPE_BYTES = 4_096;

export class BulkRun {
  readonly #node: ApiNode;
  readonly #scanners: BulkScanners;
  readonly #request: FastifyRequest;
  readonly #preferences: Preferences;
  readonly #answers: AnswerStream;
  readonly #window: WriteWindow;

  constructor(
    node: ApiNode,
    scanners: BulkScanners,
    request: FastifyRequest,
    preferences: Preferences,
    answers: AnswerStream,
  ) {
    this.#node = node;
    this.#scanners = scanners;
    this.#request = request;
    this.#preferences = preferences;
    this.#answers = answers;
    const { bulkWritesMax, bulkWaitingWritesMax, bulkBytesMax } = node.limits;
    const waits = preferences.waitForReferencesSeconds !== null && !preferences.respondAsync;
    this.#window = new WriteWindow(bulkWritesMax, waits ? bulkWaitingWritesMax : bulkWritesMax, bulkBytesMax);
  }

  /** Never rejects: an error ends the answers. */
  async take(body: IncomingMessage): Promise<void> {
    const { limits } = this.#node;
    const answers = this.#answers;
    const window = this.#window;
    const room = new LineRoom(this.#node.bodies);
    answers.once('close', () => room.close());
    let begun = 0;
    let end: SluiceError | null = null;
    try {
      for await (const line of readLines(
        chunksWithin(body, limits.bodyTimeoutMs),
        limits.bodyBytesMax + ENVELOPE_BYTES,
        room.admit,
      )) {
        if (line.bytes !== null && isBlank(line.bytes)) continue;
        if (!(await answers.roomy(limits.readerTimeoutMs))) {
          end = stalled(limits.readerTimeoutMs);
          break;
        }
        const bytes = line.bytes?.length ?? 0;
        await window.enter(bytes);
        await this.#turn();
        // While a large line has no room, no further line is read into memory.
        const place = await room.finish(bytes);
        const leave = (): void => {
          window.leave(bytes);
          place.leave();
        };
        if (answers.destroyed) {
          leave();
          break;
        }
        begun = line.number;
        void this.#answer(line, place.refusal).then((text) => {
          answers.add(text);
          leave();
        });
      }
    } catch (error) {
      // The client left with a line half sent. Accepted writes are settled all the same.
      if (!isTimeout(error)) return void answers.destroy(error instanceof Error ? error : undefined);
      end = error;
    }
    room.close();
    await window.emptied();
    if (end !== null) {
      answers.add(lastLine(end, begun));
      discardRest(body, limits.bodyTimeoutMs);
    }
    answers.end();
  }

  /** A line beyond the client's rate is not refused, but read later. */
  async #turn(): Promise<void> {
    for (let waitMs; (waitMs = this.#node.quota.take(this.#request.principal.client)) > 0;)
      await pause(waitMs);
  }

  /**
   * Never rejects.
   * @param refusal Why the line has no room; null: it has
   */
  async #answer(line: Line, refusal: unknown): Promise<string> {
    try {
      if (refusal !== null) return this.#refusal(line.number, refusal);
      return exactJson({ line: line.number, ...(await this.#write(line)) });
    } catch (error) {
      return this.#refusal(line.number, error);
    }
  }

  #refusal(number: number, error: unknown): string {
    const problem = problemOfAny(error, this.#request);
    return JSON.stringify({ line: number, status: problem.status, problem });
  }

  async #write({ bytes, number }: Line): Promise<WriteAnswer | { status: 202; writeId: string }> {
    const node = this.#node;
    const request = this.#request;
    const preferences = this.#preferences;
    if (bytes === null)
      throw new SluiceError(
        'payload_too_large',
        `Cannot take the line: it is larger than ${node.limits.bodyBytesMax} bytes`,
      );
    const write = readBulkLine(node, this.#scanners, { bytes, number }, (resource) =>
      assertMay(request, 'write', resource),
    );
    write.client = request.principal.client;
    write.waitForReferencesSeconds = preferences.waitForReferencesSeconds;
    write.traceparent = readTraceparent(request.headers);
    const isRow = 'target' in write;
    if (preferences.respondAsync) {
      const accepted = isRow ? node.client.acceptRow(write) : node.client.accept(write);
      return { status: 202, ...(await accepted) };
    }
    const waitMs = waitMsOf(node, preferences.waitSeconds, preferences.waitForReferencesSeconds);
    const outcome = await (isRow
      ? node.client.submitRow(write, { waitMs })
      : node.client.submit(write, { waitMs }));
    const { location: _, ...answer } = answerOf(outcome, write.operation, node.client.model, node.basePath);
    return answer;
  }
}

function stalled(timeoutMs: number): SluiceError {
  return new SluiceError('request_timeout', `The client read nothing of the answers for ${timeoutMs} ms.`);
}

function isTimeout(error: unknown): error is SluiceError {
  return error instanceof SluiceError && error.code === 'request_timeout';
}

/** The last line if a request ends before all its lines were read: how many lines were begun and will be answered. */
function lastLine(end: SluiceError, begun: number): string {
  const detail = `${end.message} Lines up to ${begun} have their answers above. Later lines were not started.`;
  const problem = problemOf(end.code, detail);
  return JSON.stringify({ line: null, status: problem.status, linesBegun: begun, problem });
}

function isBlank(bytes: Buffer): boolean {
  return bytes.length < 3 && bytes.toString('latin1').trim() === '';
}
