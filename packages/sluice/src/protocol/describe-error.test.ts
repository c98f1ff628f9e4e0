import { describe, expect, test } from 'vitest';
import { describeError } from './describe-error.ts';

describe('an error in a log', () => {
  test('shows its kind and its places, and nothing of what it quotes', () => {
    let error: unknown;
    try {
      JSON.parse('{"name": Canary}');
    } catch (caught) {
      error = caught;
    }
    expect((error as Error).message).toContain('Canary');
    const { stack, ...rest } = describeError(error);
    expect(rest).toEqual({ error: 'SyntaxError', code: undefined, lanes: undefined });
    expect(stack).toMatch(/^ +at .*describe-error\.test/m);
    expect(stack).not.toContain('Canary');
  });

  test('shows no stack whose first lines are a message of several', () => {
    const { stack } = describeError(new Error('one\n    at Canary'));
    expect(stack).not.toContain('Canary');
  });

  test('that is none shows only what it is', () => {
    expect(describeError('Canary')).toEqual({ error: 'string' });
  });
});
