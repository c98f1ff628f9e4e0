// Nodes and writers of one test, in this process, on the test file's database. Each test sets up its own and leaves the
// database to the next; documents of different tests have different ids.

import {
  createClient,
  type ClientOptions,
  type SluiceClient,
  type WriteRequest,
} from 'sluice/internal/client';
import { describeDocument, laneOf } from 'sluice/model';
import { defaults, type Outcome } from 'sluice/internal/protocol';
import { createWriter, type Writer, type WriterOptions } from 'sluice/internal/writer';
import { expect, onTestFinished } from 'vitest';
import { eventually } from './eventually.ts';
import { fresh } from './fresh.ts';
import { model, resource } from './model.ts';
import { patient } from './patient.ts';
import { nodeUrl, roleUrl } from './postgres.ts';
import { openConnection, sql, type SqlRow } from './sql.ts';

export { fresh };

type ResourceName = Parameters<typeof resource>[0];

/** An upsert of one document, with what a client may say beside it. */
export function upsert(name: ResourceName, document: object, more: Partial<WriteRequest> = {}): WriteRequest {
  return { operation: 'upsert', resource: resource(name), body: JSON.stringify(document), ...more };
}

export function update(
  name: ResourceName,
  documentId: string,
  document: object,
  more: Partial<WriteRequest> = {},
): WriteRequest {
  return { ...upsert(name, document, more), operation: 'update', documentId };
}

export function remove(
  name: ResourceName,
  documentId: string,
  more: Partial<WriteRequest> = {},
): WriteRequest {
  return { operation: 'delete', resource: resource(name), body: null, documentId, ...more };
}

/** An enrolment at a school, with remarks. */
export function enrolment(enrolmentId: number, schoolId: number, noteIds: number[] = []): object {
  return {
    enrolmentId,
    schoolReference: { schoolId },
    remarks: noteIds.map((noteId) => ({ noteReference: { noteId } })),
  };
}

/** A friend who knows others. */
export function friend(friendId: number, ...knows: number[]): object {
  return { friendId, knows: knows.map((id) => ({ friendReference: { friendId: id } })) };
}

/** A number whose document belongs to one of these lanes. */
export function freshIn(lanes: readonly number[], documentOf: (id: number) => WriteRequest): number {
  for (;;) {
    const id = fresh();
    if (lanes.includes(laneOfWrite(documentOf(id)))) return id;
  }
}

export function laneOfWrite(request: WriteRequest): number {
  const { referentialId, superclassId } = describeDocument(request.resource, JSON.parse(request.body!));
  return laneOf(referentialId, superclassId, defaults.lanes);
}

export interface WorldOptions {
  /** Writers to start. @default 1 */
  writers?: number;
  /** Nodes to start. @default 1 */
  nodes?: number;
  client?: Partial<ClientOptions>;
  writer?: Partial<WriterOptions>;
}

export interface World {
  /** The first node. */
  node: SluiceClient;
  nodes: SluiceClient[];
  writers: Writer[];
  startNode(options?: Partial<ClientOptions>): Promise<SluiceClient>;
  startWriter(options?: Partial<WriterOptions>): Promise<Writer>;
  submit(request: WriteRequest): Promise<Outcome>;
  sql(text: string, values?: unknown[]): Promise<SqlRow[]>;
  /** Locks the term rows of these lanes, so that no batch of them goes on, until the returned function is called. */
  holdLanes(lanes: readonly number[]): Promise<() => Promise<void>>;
  /**
   * Pauses these lanes, so that no batch of them goes on, until the returned function is called. All go on at one moment, so
   * a leader finds all writes that came meanwhile together.
   */
  pauseLanes(lanes: readonly number[]): Promise<() => Promise<void>>;
}

/** Starts nodes and writers and stops them at the end of the test. */
export async function startWorld(url: string, options: WorldOptions = {}): Promise<World> {
  const nodes: SluiceClient[] = [];
  const writers: Writer[] = [];
  const world: World = {
    get node() {
      return nodes[0]!;
    },
    nodes,
    writers,
    async startNode(more = {}) {
      // A test's writers come and go as it likes.
      const own = { ...patient, ...options.client, ...more };
      const node = createClient({ model, ...own, url: nodeUrl(own.url ?? url, own) });
      onTestFinished(() => node.stop());
      await node.start();
      nodes.push(node);
      return node;
    },
    async startWriter(more = {}) {
      const own = { ...options.writer, ...more };
      const writer = createWriter({ model, ...own, url: roleUrl(own.url ?? url, 'writer') });
      onTestFinished(() => writer.stop());
      await writer.start();
      writers.push(writer);
      return writer;
    },
    submit: (request) => world.node.submit(request),
    sql: (text, values = []) => sql(url, text, values),
    async holdLanes(lanes) {
      const holder = await openConnection(url);
      await holder.query('begin');
      await holder.query('select from sluice.lane where lane = any($1) order by lane for update', [lanes]);
      return async () => void (await holder.query('rollback'));
    },
    async pauseLanes(lanes) {
      const ofLanes = `where lane in (${lanes.join(', ')})`;
      await world.sql(`update sluice.lane set paused_at = now(), paused_by = 'test' ${ofLanes}`);
      const resume = async (): Promise<void> => {
        // A batch that begins meanwhile waits for the end: it would find some rows locked, and take the other lanes alone.
        await world.sql(
          `lock table sluice.lane in exclusive mode;
           update sluice.lane set paused_at = null, paused_by = null ${ofLanes}; notify sluice_wakeup`,
        );
      };
      onTestFinished(resume);
      return resume;
    },
  };
  await Promise.all([
    ...Array.from({ length: options.nodes ?? 1 }, () => world.startNode()),
    ...Array.from({ length: options.writers ?? 1 }, () => world.startWriter()),
  ]);
  return world;
}

/** Until the writers lead all lanes between them. */
export async function untilShared(writers: readonly Writer[]): Promise<void> {
  await eventually(() => expectAllLed(writers));
}

/** The same, and none of them leads more than its share: for writers that spread the lanes evenly. */
export async function untilEven(writers: readonly Writer[]): Promise<void> {
  const share = Math.ceil(defaults.lanes / writers.length);
  await eventually(() => {
    expectAllLed(writers);
    expect(writers.filter((writer) => writer.status().lanes.length > share)).toEqual([]);
  });
}

function expectAllLed(writers: readonly Writer[]): void {
  const led = writers.flatMap((writer) => writer.status().lanes);
  expect(led.sort((a, b) => a - b)).toEqual(Array.from({ length: defaults.lanes }, (_, lane) => lane));
}

/** Submits a write that nothing settles before its wait ends. A busy machine may not have sent it by then: it is tried again. */
export function untilCancelled(node: SluiceClient, request: WriteRequest): Promise<Outcome> {
  return eventually(async () => {
    const outcome = await node.submit(request, { waitMs: 300 });
    expect(outcome).toMatchObject({ result: 'not_applied', code: 'cancelled' });
    return outcome;
  });
}
