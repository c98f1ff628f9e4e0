import { describe, expect, test } from 'vitest';
import { axisOf, type ConditionLists } from './axis.ts';

const single: ConditionLists = {
  clients: [512],
  prefill: [20_000],
  lanes: [16],
  writers: [1],
  nodes: [1],
  batchWritesMax: [512],
  poolMax: [32],
  backlog: [100_000],
  rate: [0],
  duplicates: [0],
};

describe('the axis of a run', () => {
  test('the axis of a run is the one condition with several values, and all others stay', () => {
    const { name, points } = axisOf({ ...single, prefill: [100_000, 1000, 1000] }, 'insert');
    expect(name).toBe('prefill');
    expect(points.map(({ value }) => value)).toEqual([100_000, 1000]);
    expect(points[1]?.conditions).toMatchObject({ prefill: 1000, clients: 512, lanes: 16 });
  });

  test('without varied conditions, the axis is the clients, the rate or the backlog, by workload', () => {
    expect(axisOf(single, 'insert')).toMatchObject({ name: 'clients', points: [{ value: 512 }] });
    expect(axisOf({ ...single, rate: [100] }, 'table-open-loop')).toMatchObject({ name: 'rate' });
    expect(axisOf(single, 'backlog')).toMatchObject({ name: 'backlog', points: [{ value: 100_000 }] });
  });

  test('a run with two varied conditions is refused', () => {
    expect(() => axisOf({ ...single, clients: [1, 2], writers: [1, 2] }, 'insert')).toThrow(
      /only one may have several values: --clients, --writers/,
    );
  });

  test('a condition that the workload does not have cannot be the axis', () => {
    expect(() => axisOf({ ...single, clients: [1, 2] }, 'backlog')).toThrow(/--clients/);
    expect(() => axisOf({ ...single, backlog: [1, 2] }, 'insert')).toThrow(/--backlog/);
    expect(() => axisOf({ ...single, clients: [1, 2] }, 'table-open-loop')).toThrow(/--clients/);
    expect(() => axisOf({ ...single, rate: [1, 2] }, 'table')).toThrow(/--rate/);
  });
});
