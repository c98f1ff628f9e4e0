import type { Model, Resource } from 'sluice/model';
import { describe, expect, test } from 'vitest';
import { SchemaValidator } from './schema-validator.ts';

const validator = new SchemaValidator();
const takes = (format: string): ((text: string) => boolean) => {
  const resource = { jsonSchema: { type: 'string', format } } as unknown as Resource;
  return (text) => validator.faultsOf(resource, text).length === 0;
};

test.each([
  ['date', ['2024-02-29', '9999-12-31'], ['2023-02-29', '2024-02-30', '0000-01-01', '2024-13-01']],
  ['time', ['23:59:59Z', '23:59:60Z', '12:00:00+0530'], ['24:00:00Z', '12:60:00Z', '12:00:60Z', '12:00:00']],
  [
    'date-time',
    ['2024-02-29T10:00:00Z', '2016-12-31T23:59:60Z', '2024-02-29 10:00:00.5-05:00'],
    ['2024-02-30T10:00:00Z', '2024-02-28T23:59:60Z', '0000-01-01T00:00:00Z', '2024-01-01T00:00:00+25:00'],
  ],
  ['iso-time', ['12:00:00', '12:00:00Z'], ['24:00:00']],
  ['iso-date-time', ['2024-02-29T10:00:00'], ['2023-02-29T10:00:00']],
])('a %s that is not in the calendar is refused', (format, sound, unsound) => {
  expect(sound.filter((text) => !takes(format)(text))).toEqual([]);
  expect(unsound.filter(takes(format))).toEqual([]);
});

describe('all schemas', () => {
  /** Resources whose schemas note how often each is read as a whole, which only compiling does. */
  const modelOf = (...schemas: object[]): { model: Model; compiled: number[] } => {
    const compiled = schemas.map(() => 0);
    const resources = schemas.map((schema, index) => ({
      jsonSchema: Object.defineProperty({ ...schema }, 'title', {
        enumerable: true,
        get: () => `schema ${(compiled[index] = (compiled[index] ?? 0) + 1)}`,
      }),
    }));
    return { model: { resources } as unknown as Model, compiled };
  };

  test('all schemas are compiled once, between requests, before any document comes', async () => {
    const { model, compiled } = modelOf({ type: 'object' }, { type: 'string' }, { type: 'string' });
    const prepared = new SchemaValidator();
    const compiling = prepared.compileAll(model, new AbortController().signal);
    expect(compiled).toEqual([1, 0, 0]);
    // A document that comes meanwhile does not wait for its turn.
    const [, , last] = model.resources as [Resource, Resource, Resource];
    expect(prepared.faultsOf(last, 1)).toHaveLength(1);
    await compiling;
    for (const resource of model.resources) prepared.faultsOf(resource, 'a');
    expect(compiled).toEqual([1, 1, 1]);
  });

  test('schemas stop compiling when the node stops, and a bad one does not stop the others', async () => {
    const stopped = new AbortController();
    const stopping = modelOf({}, {});
    const compiling = new SchemaValidator().compileAll(stopping.model, stopped.signal);
    stopped.abort();
    await compiling;
    expect(stopping.compiled).toEqual([1, 0]);

    const broken = modelOf({ $ref: '#/nowhere' }, { type: 'string' });
    const prepared = new SchemaValidator();
    await prepared.compileAll(broken.model, new AbortController().signal);
    const [, sound] = broken.model.resources as [Resource, Resource];
    expect(prepared.faultsOf(sound, 1)).toHaveLength(1);
    expect(broken.compiled[1]).toBe(1);
  });
});
