import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ByteBudget, type ByteShare } from './byte-budget.ts';

/** A share, and what ends its answer. */
async function open(budget: ByteBudget): Promise<{ share: ByteShare; end: () => void }> {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  const share = await budget.open(response);
  return { share, end: () => void response.emit('close') };
}

/** Whether it is settled once all that is at hand has been done. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  void promise.then(
    () => (isSettled = true),
    () => (isSettled = true),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return isSettled;
}

describe('a budget of bytes', () => {
  test('a byte budget lets requests wait for room in order, and takes back the bytes of a finished answer', async () => {
    const budget = new ByteBudget({ bytesMax: 100 });
    const [one, two, three] = await Promise.all([open(budget), open(budget), open(budget)]);
    await one.share.admit(70);
    const second = two.share.admit(50);
    const third = three.share.admit(20);
    expect(await isDone(second)).toBe(false);
    // There would be room, but another came before.
    expect(await isDone(third)).toBe(false);
    one.end();
    expect([await isDone(second), await isDone(third), budget.held]).toEqual([true, true, 70]);
    two.end();
    three.end();
    expect(budget.held).toBe(0);
  });

  test('a byte budget counts what an answer really holds, and admits no request while that is too much', async () => {
    const budget = new ByteBudget({ bytesMax: 100 });
    const one = await open(budget);
    one.share.hold(120);
    const next = open(budget);
    expect(await isDone(next)).toBe(false);
    one.share.hold(60);
    expect(await isDone(next)).toBe(true);
    expect(budget.held).toBe(60);
  });

  test('a byte budget gives a request that is alone more than there is', async () => {
    const budget = new ByteBudget({ bytesMax: 100 });
    const one = await open(budget);
    await one.share.admit(500);
    expect(budget.held).toBe(500);
    await one.share.admit(400);
    expect(budget.held).toBe(500);
  });

  test('a byte budget refuses a request that finds no room in time, and serves the next one', async () => {
    const budget = new ByteBudget({ bytesMax: 100, waitMs: 50 });
    const [one, two] = await Promise.all([open(budget), open(budget)]);
    await one.share.admit(100);
    await expect(two.share.admit(50)).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 1 });
    await expect(open(budget)).rejects.toMatchObject({ code: 'overloaded' });
    one.end();
    await two.share.admit(50);
    expect(budget.held).toBe(50);
  });

  test('a byte budget keeps nothing for a client that left while it waited', async () => {
    const budget = new ByteBudget({ bytesMax: 100 });
    const [one, two] = await Promise.all([open(budget), open(budget)]);
    await one.share.admit(100);
    const waiting = two.share.admit(80);
    two.end();
    one.end();
    await expect(waiting).rejects.toThrow('The client has left.');
    expect(two.share.isClosed).toBe(true);
    two.share.hold(80);
    expect(budget.held).toBe(0);
  });

  test('a byte budget serves the next request that fits when an earlier one is refused', async () => {
    const budget = new ByteBudget({ bytesMax: 100, waitMs: 50 });
    const [one, two, three] = await Promise.all([open(budget), open(budget), open(budget)]);
    await one.share.admit(80);
    const refused = two.share.admit(50);
    const next = three.share.admit(10);
    await expect(refused).rejects.toMatchObject({ code: 'overloaded' });
    await next;
    expect(budget.held).toBe(90);
  });

  test('a byte budget serves the next request that fits when the client of an earlier one leaves', async () => {
    const budget = new ByteBudget({ bytesMax: 100 });
    const [one, two, three] = await Promise.all([open(budget), open(budget), open(budget)]);
    await one.share.admit(80);
    const left = two.share.admit(50);
    const next = three.share.admit(10);
    two.end();
    expect([await isDone(left), await isDone(next), budget.held]).toEqual([true, true, 90]);
  });

  test('a byte budget keeps nothing for a client that left before its request asked', async () => {
    const budget = new ByteBudget({ bytesMax: 100 });
    const socket = new Socket();
    const response = new ServerResponse(new IncomingMessage(socket));
    response.assignSocket(socket);
    socket.emit('close');
    await expect(budget.open(response)).rejects.toThrow('The client has left.');
    expect(budget.held).toBe(0);
  });

  test('a byte budget lets nothing be read for a client that left before its request asked for more', async () => {
    const budget = new ByteBudget({ bytesMax: 100 });
    const [one, two, three] = await Promise.all([open(budget), open(budget), open(budget)]);
    one.end();
    await expect(one.share.admit(80)).rejects.toThrow('The client has left.');
    const admitted = two.share.admit(80);
    two.end();
    await expect(admitted).rejects.toThrow('The client has left.');
    expect(budget.held).toBe(0);
    await three.share.admit(100);
    const response = new ServerResponse(new IncomingMessage(new Socket()));
    const opening = budget.open(response);
    response.emit('close');
    await expect(opening).rejects.toThrow('The client has left.');
    expect(budget.held).toBe(100);
  });

  test('requests that each hold a part of a byte budget do not wait for each other', async () => {
    const budget = new ByteBudget({ bytesMax: 100 });
    const [one, two, three] = await Promise.all([open(budget), open(budget), open(budget)]);
    await one.share.admit(50);
    await two.share.admit(50);
    const whole = three.share.admit(90);
    const first = one.share.admit(80);
    expect(await isDone(first)).toBe(false);
    // All requests that hold bytes wait now, so the last of them goes on, and only that one.
    const second = two.share.admit(90);
    expect([await isDone(second), await isDone(first), budget.held]).toEqual([true, false, 140]);
    await two.share.admit(95);
    expect([await isDone(first), budget.held]).toEqual([false, 145]);
    two.end();
    expect([await isDone(first), await isDone(whole), budget.held]).toEqual([true, false, 80]);
    one.end();
    expect([await isDone(whole), budget.held]).toEqual([true, 90]);
    three.end();
    expect(budget.held).toBe(0);
  });
});
