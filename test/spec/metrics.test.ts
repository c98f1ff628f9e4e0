// What nodes and writers tell Prometheus, scraped from running processes.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { scrape, type Scrape } from '../support/scrape.ts';
import { startSluice } from '../support/sluice.ts';
import { openConnection, sql } from '../support/sql.ts';

const database = useDatabase();
const modelFile = fileURLToPath(new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url));
const timeout = 60_000;
/** Base units, the nouns that are counted, and the two forms that have none. */
const units = /_(?:seconds|ratio|writes|rows|lanes|sessions|connections|requests|transactions|up|info)$/;

interface Processes {
  /** Of the API. */
  url: string;
  node: () => Promise<Scrape>;
  writer: () => Promise<Scrape>;
}

async function startProcesses(nodeArgs: readonly string[] = [], withWriter = true): Promise<Processes> {
  const settings = { SLUICE_MODEL: modelFile, SLUICE_LOG_LEVEL: 'warn' };
  const nodeUrl = nodeArgs.includes('direct') ? database.writerUrl : database.apiUrl;
  const node = startSluice(['api', '--port', '0', ...nodeArgs], { ...settings, DATABASE_URL: nodeUrl });
  const writer = withWriter
    ? startSluice(['writer', '--metrics-port', '0'], { ...settings, DATABASE_URL: database.writerUrl })
    : null;
  const [nodeReady, writerReady] = await Promise.all([node.event('ready'), writer?.event('ready')]);
  const url = String(nodeReady['url']);
  return {
    url,
    node: () => scrape(`${(nodeReady['metricsUrl'] as string | undefined) ?? url}/metrics`),
    writer: () => scrape(`${writerReady?.['metricsUrl'] as string}/metrics`),
  };
}

function post(url: string, codeValue: string): Promise<Response> {
  const body = {
    namespace: 'uri://sample.org/GradeLevelDescriptor',
    codeValue,
    shortDescription: 'a grade level',
  };
  return fetch(`${url}/data/sample/gradeLevelDescriptors`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

describe('metrics', () => {
  test('metrics count writes through node and writer, and time every stage', { timeout }, async () => {
    const { url, node, writer } = await startProcesses();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, each) => post(url, `counted ${each}`)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 201));
    await post(url, 'counted 0');

    const ofNode = await node();
    const duration = 'sluice_write_duration_seconds';
    expect(ofNode.value(`${duration}_count`, { result: 'created' })).toBe(20);
    expect(ofNode.value(`${duration}_count`, { result: 'unchanged' })).toBe(1);
    expect(ofNode.value(`${duration}_bucket`, { result: 'created', le: '+Inf' })).toBe(20);
    expect(ofNode.value(`${duration}_sum`, { result: 'created' })).toBeGreaterThan(0);
    const request = { method: 'POST', route: '/data/:project/:resource' };
    const requests = 'sluice_http_request_duration_seconds_count';
    expect(ofNode.value(requests, { ...request, status: '201' })).toBe(20);
    expect(ofNode.value(requests, { ...request, status: '200' })).toBe(1);
    const completions = ['hint', 'poll', 'missed_hint'].map((found_by) =>
      ofNode.value('sluice_completions_total', { found_by }),
    );
    expect(completions.reduce((sum, count) => sum + count)).toBe(21);
    expect(ofNode.value('sluice_intake_insert_size_writes_sum')).toBe(21);
    expect(ofNode.value('sluice_pool_max_connections', { pool: 'reads' })).toBe(8);
    expect(ofNode.value('sluice_listener_up')).toBe(1);
    // One write at a time is never delayed.
    expect(ofNode.value('sluice_gathering_interval_seconds')).toBe(0);

    const ofWriter = await writer();
    expect(ofWriter.value('sluice_settled_writes_total', { result: 'created' })).toBe(20);
    expect(ofWriter.value('sluice_settled_writes_total', { result: 'unchanged' })).toBe(1);
    expect(ofWriter.value('sluice_batch_size_writes_sum')).toBe(21);
    expect(ofWriter.value('sluice_led_lanes')).toBe(16);
    expect(ofWriter.value('sluice_gathering_interval_seconds')).toBe(0);
    expect(ofWriter.value('sluice_gathering_gain_ratio')).toBe(0);
    expect(ofWriter.value('sluice_leaderships_total')).toBe(16);

    const timed = 'sluice_stage_duration_seconds';
    expect(ofNode.value(`${timed}_count`, { stage: 'intake' })).toBe(21);
    // Of 21 writes in a row, one position is a multiple of 16.
    for (const [stage, told] of [['completion', ofNode] as const, ['wait', ofWriter] as const]) {
      const count = told.value(`${timed}_count`, { stage });
      expect(count).toBeGreaterThanOrEqual(1);
      expect(count).toBeLessThanOrEqual(21);
      expect(told.value(`${timed}_sum`, { stage })).toBeGreaterThan(0);
    }
    const batches = ofWriter.value('sluice_batch_size_writes_count');
    for (const stage of ['read', 'plan', 'commit']) {
      expect(ofWriter.value(`${timed}_count`, { stage })).toBe(batches);
    }
  });

  test(
    'metrics of the database show waiting writes, their lock holders and dead letters',
    { timeout },
    async () => {
      const { url, node } = await startProcesses(
        ['--notifications', 'off', '--leader-grace-ms', '600000'],
        false,
      );
      const depth = (told: Scrape): number => told.value('sluice_intake_writes', { state: 'ready' });

      const holder = await openConnection(database.url);
      await holder.query('begin');
      await holder.query('lock table sluice.projection');
      const waiter = await openConnection(database.url);
      const waiting = waiter.query('select from sluice.projection');
      const unanswered = post(url, 'never settled');
      await eventually(async () => {
        const told = await node();
        expect(told.value('sluice_database_up')).toBe(1);
        expect(depth(told)).toBe(1);
        expect(told.value('sluice_intake_oldest_age_seconds', { state: 'ready' })).toBeGreaterThan(0);
        expect(told.value('sluice_waiting_writes')).toBe(1);
        expect(told.value('sluice_unled_lanes')).toBe(16);
        expect(told.value('sluice_lock_waiting_sessions', { lock: 'relation' })).toBe(1);
        expect(told.value('sluice_longest_lock_wait_seconds')).toBeGreaterThan(0);
        expect(told.value('sluice_database_sessions', { activity: 'idle_in_transaction' })).toBe(1);
        expect(told.value('sluice_notification_queue_usage_ratio')).toBeGreaterThanOrEqual(0);
      });
      await holder.query('rollback');
      await waiting;

      await sql(database.url, 'update sluice.intake set blocked_at = clock_timestamp()');
      const snapshot = await openConnection(database.url);
      await snapshot.query('begin isolation level repeatable read');
      await snapshot.query('select 1');
      await sql(database.url, 'select pg_current_xact_id()');
      await eventually(async () => {
        const told = await node();
        expect(told.value('sluice_intake_writes', { state: 'blocked' })).toBe(1);
        expect(depth(told)).toBe(0);
        expect(told.value('sluice_oldest_transaction_age_seconds')).toBeGreaterThan(0);
        expect(told.value('sluice_vacuum_horizon_age_transactions')).toBeGreaterThan(0);
      });
      await snapshot.query('rollback');
      // Another node would settle it no more: the test ends here, and its node with it.
      void unanswered.catch(() => undefined);
      await sql(database.url, 'delete from sluice.intake');
    },
  );

  test('metrics estimate what is too much to be counted', { timeout }, async () => {
    const { node } = await startProcesses([], false);
    await sql(
      database.url,
      `insert into sluice.intake (write_id, lane, operation, resource, document_id, referential_id, reference_ids,
         content_hash, client, node, body, blocked_at)
       select i, 0, 'upsert', 'sample/schools', i, i, '{}', '', '', 0, '{}', case when n > 8000 then now() end
       from (select n, gen_random_uuid() as i from generate_series(1, 10000) as n) as many`,
    );
    await sql(database.url, 'vacuum analyze sluice.intake');
    await eventually(async () => {
      const told = await node();
      const [ready, blocked] = ['ready', 'blocked'].map((state) =>
        told.value('sluice_intake_writes', { state }),
      );
      expect(ready).toBeGreaterThan(7000);
      expect(ready).toBeLessThan(9000);
      expect(blocked).toBeGreaterThan(1500);
      expect(blocked).toBeLessThan(2500);
    });
    await sql(database.url, 'truncate sluice.intake cascade');
  });

  test(
    'metrics leave out what the database does not answer, and are served all the same',
    { timeout },
    async () => {
      const { node } = await startProcesses(['--metrics-port', '0'], false);
      await sql(database.url, 'alter table sluice.lane rename to no_lane');
      try {
        await eventually(async () => {
          const told = await node();
          expect(told.value('sluice_database_up')).toBe(0);
          expect(told.value('sluice_unled_lanes')).toBeNaN();
          expect(told.samples.filter(({ name }) => name === 'sluice_intake_writes')).toEqual([]);
          expect(told.value('sluice_waiting_writes')).toBe(0);
        });
      } finally {
        await sql(database.url, 'alter table sluice.no_lane rename to lane');
      }
    },
  );

  test(
    'metrics each have an explanation and a unit, and are all in the documentation',
    { timeout },
    async () => {
      const { node, writer } = await startProcesses();
      const scrapes = await Promise.all([node(), writer()]);
      const families = new Map(scrapes.flatMap((told) => [...told.families]));
      const own = [...families].filter(([name]) => name.startsWith('sluice_'));
      expect(own.length).toBeGreaterThan(30);
      for (const [name, { help, type }] of own) {
        expect(`${name}: ${help}`).toMatch(/: \S.{15,}/);
        expect(name).toMatch(type === 'counter' ? /_total$/ : units);
      }
      const page = await readFile(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8');
      const listed = [...page.matchAll(/^\| `(sluice_\w+)/gm)].map(([, name]) => name);
      expect(new Set(listed)).toEqual(new Set(own.map(([name]) => name)));
    },
  );

  test('metrics are on the requested port, and on no other', { timeout }, async () => {
    const { url, node } = await startProcesses(['--metrics-port', '0'], false);
    expect((await node()).value('sluice_build_info', { process: 'api', mode: 'coordinated' })).toBe(1);
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
  });

  test('metrics count the batches of a node that commits itself', { timeout }, async () => {
    const { url, node } = await startProcesses(['--mode', 'direct'], false);
    expect((await post(url, 'direct')).status).toBe(201);
    const told = await node();
    expect(told.value('sluice_settled_writes_total', { result: 'created' })).toBe(1);
    expect(told.value('sluice_pool_max_connections', { pool: 'batches' })).toBe(32);
  });
});
