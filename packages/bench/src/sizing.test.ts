import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { BenchReport } from './bench.ts';
import { predictExample } from './example-stores.ts';
import { reportPage } from './report/page.ts';
import { costsOf, predict, predictStores, type Costs, type Deployment } from './sizing.ts';

const costs: Costs = {
  nodeCpuUs: 100,
  writerCpuUs: 50,
  postgresCpuUs: 150,
  sessionUs: 96,
  walBytes: 4000,
  networkBytes: 2000,
  flushMs: 2,
  batchWrites: 500,
};
const ample: Deployment = {
  cores: 1000,
  nodeProcesses: 1000,
  writerProcesses: 1000,
  sessionsPerWriter: 1,
  rttMs: 0,
  walBytesPerSecond: 1e12,
  networkBytesPerSecond: 1e12,
};

describe('a prediction', () => {
  test.each([
    ['cpu', 20_000, { cores: 6 }],
    ['cpu', 20_000, { cores: { nodes: 100, writers: 1, postgres: 100 } }],
    ['cpu', 10_000, { cores: { nodes: 1, writers: 1, postgres: 100 } }],
    ['nodeProcesses', 30_000, { nodeProcesses: 3 }],
    // Two sessions would manage 20,000: 500 × 96 µs and 2 ms for the flush are 50 ms a batch.
    ['writerSessions', 10_000, { writerProcesses: 1 }],
    ['writerProcesses', 20_000, { writerProcesses: 1, sessionsPerWriter: 3 }],
    // Three round trips of 50 ms lengthen the batch to 200 ms.
    ['writerSessions', 2500, { writerProcesses: 1, rttMs: 50 }],
    ['wal', 25_000, { walBytesPerSecond: 100e6 }],
    ['network', 50_000, { networkBytesPerSecond: 100e6 }],
  ] as const)('a prediction is limited by %s: %i documents/s', (limitedBy, documentsPerSecond, scarce) => {
    const prediction = predict(costs, { ...ample, ...scarce });
    expect(prediction).toMatchObject({ limitedBy });
    expect(prediction.documentsPerSecond).toBeCloseTo(documentsPerSecond, 6);
  });
});

const spread = (median: number) => ({ median, min: median, max: median });
const reportOf = (rate: number, isLoad: boolean, networkBytes: number | null = 2000) =>
  ({
    at: '2026-11-30',
    workload: 'http',
    axis: 'clients',
    machine: { cores: 8, cpu: 'any', memoryBytes: 2 ** 30, platform: 'linux', node: '20' },
    options: { rttMs: 1, batchWritesMax: [500], clients: [512] },
    server: { version: '18', flush: { p50Ms: 2, p99Ms: 3 }, commit: { p50Ms: 4, p99Ms: 5 }, settings: {} },
    absent: {},
    growth: null,
    results: [rate / 2, rate].map((each, index) => ({
      axis: 'clients',
      value: index + 1,
      ratios: {},
      ratiosSpread: {},
      contenders: {
        coordinated: {
          documentsPerSecond: spread(each),
          p50Ms: null,
          p99Ms: null,
          walBytesPerDocument: spread(4000),
          networkBytesPerDocument: networkBytes === null ? null : spread(networkBytes),
          cpuUsPerDocument: {
            clients: isLoad ? spread(100) : null,
            others: spread(50),
            postgres: spread(150),
          },
        },
      },
    })),
  }) as unknown as BenchReport;

test('costs come from the largest value, and the cost of a session leaves out its waits', () => {
  const found = costsOf(reportOf(5000, true), reportOf(10_000, false));
  // 100 µs a document, of which each batch of 500 waits 2 ms for its flush and 3 ms on the way.
  expect(found).toEqual({ ...costs, sessionUs: 90 });
  // Without a backlog, the CPU time of writer and PostgreSQL.
  expect(costsOf(reportOf(5000, true))).toEqual({ ...costs, sessionUs: 200 });
  expect(() => costsOf(reportOf(1, false), reportOf(1, false))).toThrow(/CPU time/);
});

test('a report with every cost predicts deployments of many stores in tables and two plots, and another report does not', () => {
  const page = reportPage([reportOf(5000, true)]);
  const section = page.slice(page.indexOf('Predictions for many data stores'));
  expect(section.match(/<svg /g)).toHaveLength(2);
  expect(section).toContain('Documents per second, 200 stores');
  // 8 cores at 150 µs are 53,333, and the four nodes of a server 40,000; the busiest of eight servers has more than an eighth.
  const found = predictExample(costsOf(reportOf(5000, true)), {
    servers: 8,
    stores: 200,
    skew: 1,
    open: 20,
    processes: 32,
  });
  const rate = Math.round(found.documentsPerSecond).toLocaleString('en');
  expect(section).toContain(`<tr><td>8</td><td>1</td><td>${rate}</td><td>${found.limitedBy}</td>`);
  // 100 of 1,000 open stores on ten servers: ten each, with 20 connections, and one of each writer.
  expect(section).toContain('<tr><td>1,000</td><td>10 %</td><td>202</td><td>30,000</td><td>100</td></tr>');
  expect(section).not.toMatch(/NaN|undefined|Infinity/);
  const whole = reportOf(5000, true);
  const fewClients = { ...whole, options: { ...whole.options, clients: [32, 128] } };
  const others = [reportOf(5000, false), reportOf(5000, true, null), fewClients];
  for (const other of [...others, { ...whole, workload: 'table' as const }])
    expect(reportPage([other])).not.toContain('Predictions');
});

describe('a prediction for many stores', () => {
  const cores = { nodes: 1000, writers: 1000, postgres: 3 };
  const stores = {
    servers: 1,
    stores: 4,
    skew: 0,
    openShare: 1,
    connectionsPerNode: 6,
    connectionsPerWriter: 4,
    seriesPerStore: 300,
  };

  test('a prediction for one store on one server equals that of a deployment with one database', () => {
    const deployment = { ...ample, cores };
    expect(predictStores(costs, deployment, { ...stores, stores: 1 })).toMatchObject(
      predict(costs, deployment),
    );
  });

  test.each([
    ['servers of equal stores share the writes', { servers: 4 }, {}, 'cpu', 80_000],
    ['a server without a store adds nothing', { servers: 8 }, {}, 'cpu', 80_000],
    // Weights 1, ½, ⅓, ¼ of 25 ⁄ 12: the first store, alone on its server, has 48 %.
    ['the busiest server limits all', { servers: 4, skew: 1 }, {}, 'cpu', 20_000 / 0.48],
    // 10,000 a session and writer, see above; the first of two stores has two thirds.
    [
      'the sessions of the busiest store limit all',
      { servers: 4, stores: 2, skew: 1 },
      { writerProcesses: 1 },
      'writerSessions',
      15_000,
    ],
    ['the WAL of the busiest server limits all', { servers: 2 }, { walBytesPerSecond: 20e6 }, 'wal', 10_000],
  ] as const)('%s', (_, more, scarce, limitedBy, documentsPerSecond) => {
    const found = predictStores(costs, { ...ample, cores, ...scarce }, { ...stores, ...more });
    expect(found).toMatchObject({ limitedBy });
    expect(found.documentsPerSecond).toBeCloseTo(documentsPerSecond, 6);
  });

  test('a prediction for many stores counts connections, looks and series of open stores only', () => {
    const deployment = { ...ample, cores, nodeProcesses: 2, writerProcesses: 2 };
    const found = predictStores(costs, deployment, { ...stores, servers: 2, stores: 200, openShare: 0.1 });
    // 10 open ones on each, with 20 connections, and one connection of each writer for the server.
    expect(found).toMatchObject({ connectionsPerServer: 202, lookSeconds: 100, seriesPerProcess: 6000 });
    // 20,000 documents a second at 100, 50 and 150 µs: PostgreSQL has half of them on each server.
    expect(found.documentsPerSecond).toBeCloseTo(20_000, 6);
    expect(found.busyCores.postgres).toBeCloseTo(1.5, 6);
  });
});

/** The costs of docs/performance.md, and the deployments of the table in docs/scaling.md. */
const measured: Costs = {
  nodeCpuUs: 65,
  writerCpuUs: 31,
  postgresCpuUs: 93,
  sessionUs: 88,
  walBytes: 3246,
  networkBytes: 1882,
  flushMs: 0.17,
  batchWrites: 512,
};

test('the tables of docs/scaling.md hold what the model computes', () => {
  const page = readFileSync(new URL('../../../docs/scaling.md', import.meta.url), 'utf8');
  const rowsBelow = (heading: string): string[][] =>
    page
      .slice(page.indexOf(heading))
      .split('\n\n')
      .find((block) => block.startsWith('|'))!
      .split('\n')
      .slice(2)
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
  const numberOf = (cell = ''): number => Number(cell.replace(/,/g, ''));
  const round = (rate: number): number => Number(rate.toPrecision(3));
  const rates = rowsBelow('## What a deployment can write').map(
    ([servers, stores, skew, processes, ...told]) => {
      const found = predictExample(measured, {
        servers: numberOf(servers),
        stores: numberOf(stores),
        skew: numberOf(skew),
        open: numberOf(stores) / 10,
        processes: numberOf(processes),
      });
      const { nodes, writers, postgres } = found.busyCores;
      const computed = [
        round(found.documentsPerSecond).toLocaleString('en-US'),
        `\`${found.limitedBy}\``,
        [nodes, writers, postgres].map((each) => each.toFixed(1)).join(' + '),
      ];
      return { told, computed };
    },
  );
  const limits = rowsBelow('## At 1,000 and 10,000 stores').map(([stores, servers, open, ...told]) => {
    const found = predictExample(measured, {
      servers: numberOf(servers),
      stores: numberOf(stores),
      skew: 0,
      open: numberOf(open),
      processes: 2,
    });
    const computed = [
      found.connectionsPerServer,
      found.seriesPerProcess,
      Math.round(found.lookSeconds / 60),
    ].map((each) => each.toLocaleString('en-US'));
    return { told, computed };
  });
  expect(rates.length + limits.length).toBeGreaterThan(8);
  for (const { told, computed } of [...rates, ...limits]) expect(told).toEqual(computed);
});
