import fastify from 'fastify';
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { eventually } from '../../../../test/support/eventually.ts';
import { readerClock } from './reader-clock.ts';

test('the clock of a reader does not go on after the answer is complete', async () => {
  const app = fastify();
  readerClock(app, 600_000);
  let response: ServerResponse | null = null;
  app.get('/', (_request, reply) => {
    response = reply.raw;
    return 'x'.repeat(100_000);
  });
  await app.inject('/');
  await eventually(() => expect(response!.writableFinished).toBe(true));
  const rearmed: number[] = [];
  response!.setTimeout = (timeoutMs) => {
    rearmed.push(timeoutMs);
    return response!;
  };
  response!.emit('timeout');
  expect(rearmed).toEqual([]);
});
