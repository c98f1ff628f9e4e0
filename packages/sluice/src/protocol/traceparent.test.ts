import { describe, expect, test } from 'vitest';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

describe('a traceparent', () => {
  test('a traceparent is read as it is written', () => {
    const parsed = { traceId, spanId, traceFlags: 1 };
    expect(parseTraceparent(`00-${traceId}-${spanId}-01`)).toEqual(parsed);
    expect(formatTraceparent(parsed)).toBe(`00-${traceId}-${spanId}-01`);
  });

  test('a traceparent of a later version may have more parts', () => {
    expect(parseTraceparent(`01-${traceId}-${spanId}-00-more`)).toEqual({ traceId, spanId, traceFlags: 0 });
  });

  test.each([
    '',
    'garbage',
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-01-more`,
    `ff-${traceId}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    ` 00-${traceId}-${spanId}-01`,
  ])('a traceparent in another form is ignored: %j', (text) => {
    expect(parseTraceparent(text)).toBeNull();
  });
});
