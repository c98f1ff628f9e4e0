// One trace shows a write's whole way, through the intake and across processes, where the user has registered an SDK.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApi } from '@sluice/server/api';
import { trace, type SpanContext } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createDatabase, useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startSluice } from '../support/sluice.ts';
import { fresh, startWorld, type World } from '../support/world.ts';

const database = useDatabase();
const callerSpan = '00f067aa0ba902b7';
const newTraceId = (): string => `4bf92f3577b34da6a3ce9${String(fresh()).padStart(11, '0')}`;

const exporter = new InMemorySpanExporter();
/** What a user does before Sluice is loaded, or at any time after: the first one that is registered stays. */
const register = (): void => {
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
};

function apiOf(world: World): ReturnType<typeof createApi> {
  const api = createApi({ client: world.node });
  onTestFinished(() => api.close());
  return api;
}

const note = (): { noteId: number } => ({ noteId: fresh() });
const endpoint = '/data/test/notes';

function post(world: World, traceparent?: string): Promise<{ statusCode: number }> {
  const headers = {
    'content-type': 'application/json',
    ...(traceparent === undefined ? {} : { traceparent }),
  };
  return apiOf(world).inject({ method: 'POST', url: endpoint, headers, payload: note() });
}

/** The spans of these traces by name, once there are as many as expected. */
function spansOf(traceIds: readonly string[], count: number): Promise<ReadableSpan[]> {
  return eventually(() => {
    const spans = exporter.getFinishedSpans().filter((span) => traceIds.includes(span.spanContext().traceId));
    expect(spans).toHaveLength(count);
    return spans;
  });
}

const stages = ['sluice batch', 'sluice completion', 'sluice intake', 'sluice wait', 'sluice write'];
const namesOf = (spans: readonly ReadableSpan[]): string[] => spans.map(({ name }) => name).toSorted();
const find = (spans: readonly ReadableSpan[], name: string): ReadableSpan =>
  spans.find((span) => span.name === name)!;

const columns = (world: World): Promise<unknown> => world.sql('select traceparent from sluice.intake');

/** What a write of such a caller leaves while it waits. */
async function columnsOf(flags: string): Promise<unknown> {
  const world = await startWorld(database.url, { writers: 0, client: { leaderGraceMs: 60_000 } });
  const answer = post(world, `00-${newTraceId()}-${callerSpan}-${flags}`);
  const found = await eventually(async () => {
    const rows = await columns(world);
    expect(rows).toHaveLength(1);
    return rows;
  });
  await world.startWriter();
  expect(await answer).toMatchObject({ statusCode: 201 });
  return found;
}

test('without an SDK, nothing is recorded and nothing kept', async () => {
  expect(await columnsOf('01')).toEqual([{ traceparent: null }]);
  expect(exporter.getFinishedSpans()).toEqual([]);
});

describe('a trace', () => {
  beforeAll(register);
  beforeEach(() => exporter.reset());

  test('a trace of a caller shows each stage of the write, and the batch links to it', async () => {
    const world = await startWorld(database.url);
    const traceId = newTraceId();
    expect(await post(world, `00-${traceId}-${callerSpan}-01`)).toMatchObject({ statusCode: 201 });
    const spans = await spansOf([traceId], 5);
    expect(namesOf(spans)).toEqual(stages);
    const write = find(spans, 'sluice write');
    expect(write.parentSpanContext).toMatchObject({ spanId: callerSpan });
    for (const span of spans.filter((each) => each !== write)) {
      expect(span.parentSpanContext?.spanId).toBe(write.spanContext().spanId);
    }
    const batch = find(spans, 'sluice batch');
    expect(batch.links.map(({ context }) => context)).toMatchObject([
      { traceId, spanId: write.spanContext().spanId },
    ]);
    expect(batch.attributes).toMatchObject({ 'sluice.result': 'created', 'sluice.batch_writes': 1 });
    const began = (name: string): number => {
      const [seconds, nanoseconds] = find(spans, name).startTime;
      return seconds * 1000 + nanoseconds / 1e6;
    };
    expect(began('sluice write')).toBeLessThanOrEqual(began('sluice intake'));
    expect(began('sluice wait')).toBeLessThanOrEqual(began('sluice batch'));
  });

  test('each write of a batch is part of its own trace, and the batch links to all', async () => {
    const world = await startWorld(database.url, { writers: 0, client: { leaderGraceMs: 60_000 } });
    const traceIds = [newTraceId(), newTraceId(), newTraceId()];
    const answers = traceIds.map((traceId) => post(world, `00-${traceId}-${callerSpan}-01`));
    await eventually(async () => expect(await columns(world)).toHaveLength(3));
    await world.startWriter();
    await Promise.all(answers);
    const spans = await spansOf(traceIds, 15);
    const batches = spans.filter(({ name }) => name === 'sluice batch');
    expect(new Set(batches.map((span) => span.spanContext().traceId)).size).toBe(3);
    const whole = batches.filter(({ links }) => links.length > 1);
    // All were there before the writer was: they are one batch.
    expect(whole).toHaveLength(1);
    const writes = spans
      .filter(({ name }) => name === 'sluice write')
      .map((span) => span.spanContext().spanId);
    expect(new Set(whole[0]!.links.map(({ context }) => context.spanId))).toEqual(new Set(writes));
    const others: SpanContext[] = batches
      .filter((span) => span !== whole[0])
      .flatMap(({ links }) => links.map(({ context }) => context));
    expect(others.map(({ spanId }) => spanId)).toEqual(
      Array.from({ length: 2 }, () => whole[0]!.spanContext().spanId),
    );
  });

  test('a trace goes on through every line of a bulk request', async () => {
    const world = await startWorld(database.url);
    const traceId = newTraceId();
    const lines = [note(), note()].map((document) => JSON.stringify({ endpoint: '/test/notes', document }));
    const answer = await apiOf(world).inject({
      method: 'POST',
      url: '/bulk',
      headers: { 'content-type': 'application/x-ndjson', traceparent: `00-${traceId}-${callerSpan}-01` },
      payload: lines.join('\n'),
    });
    expect(
      answer.body
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    ).toMatchObject([{ status: 201 }, { status: 201 }]);
    expect(namesOf(await spansOf([traceId], 10))).toEqual(stages.flatMap((name) => [name, name]));
  });

  test('a trace begins at the node where the caller sent none, or an unreadable one', async () => {
    const world = await startWorld(database.url);
    for (const traceparent of [undefined, 'garbage', `00-${'0'.repeat(32)}-${callerSpan}-01`]) {
      exporter.reset();
      expect(await post(world, traceparent)).toMatchObject({ statusCode: 201 });
      const written = await eventually(() => {
        const write = find(exporter.getFinishedSpans(), 'sluice write');
        expect(write).toBeDefined();
        return write;
      });
      expect(written.parentSpanContext).toBeUndefined();
      expect(namesOf(await spansOf([written.spanContext().traceId], 5))).toEqual(stages);
    }
  });

  test('a trace shows a refused write, by its code alone', async () => {
    const world = await startWorld(database.url, { client: { waitingWritesMax: 0 } });
    const traceId = newTraceId();
    expect(await post(world, `00-${traceId}-${callerSpan}-01`)).toMatchObject({ statusCode: 503 });
    const [write] = await spansOf([traceId], 1);
    expect(write).toMatchObject({ status: { code: 2 }, attributes: { 'sluice.code': 'overloaded' } });
  });

  test('a trace shows the batch of a node that needs no intake', async () => {
    const world = await startWorld(database.url, { writers: 0, client: { mode: 'direct' } });
    const traceId = newTraceId();
    expect(await post(world, `00-${traceId}-${callerSpan}-01`)).toMatchObject({ statusCode: 201 });
    expect(namesOf(await spansOf([traceId], 2))).toEqual(['sluice batch', 'sluice write']);
  });

  test('a trace that its caller does not record leaves nothing in the intake', async () => {
    expect(await columnsOf('00')).toEqual([{ traceparent: null }]);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });
});

/** As test/support/record-spans.mjs writes them. */
interface ExportedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parent?: string;
  links: string[];
}

test('one trace leads through the processes of a deployment, and is complete when they have stopped', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-spans-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const other = await createDatabase();
  onTestFinished(() => other.drop());
  const file = join(folder, 'spans.ndjson');
  const settings = {
    DATABASE_URL: other.writerUrl,
    // Through the intake, so that both processes have their part in it.
    SLUICE_FAST_PATH_WRITES_MAX: '0',
    SLUICE_MODEL: fileURLToPath(new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url)),
    NODE_OPTIONS: `--import ${new URL('../support/record-spans.mjs', import.meta.url).href}`,
    SPANS_FILE: file,
  };
  const node = startSluice(['api', '--port', '0'], settings);
  const writer = startSluice(['writer'], settings);
  const [{ url }] = await Promise.all([node.event('ready'), writer.event('ready')]);
  const traceId = newTraceId();
  const answer = await fetch(`${String(url)}/data/sample/gradeLevelDescriptors`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-${callerSpan}-01` },
    body: JSON.stringify({ namespace: 'uri://a', codeValue: 'b', shortDescription: 'c' }),
  });
  expect(answer.status).toBe(201);
  for (const process of [node, writer]) process.kill('SIGTERM');
  for (const process of [node, writer]) expect(await process.ended).toMatchObject({ code: 0 });

  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  const spans = lines.map((line) => JSON.parse(line) as ExportedSpan);
  expect(spans.map(({ name }) => name).toSorted()).toEqual(stages);
  expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
  const write = spans.find(({ name }) => name === 'sluice write');
  expect(write?.parent).toBe(callerSpan);
  expect(spans.find(({ name }) => name === 'sluice batch')?.links).toEqual([write?.spanId]);
}, 60_000);
