import { describe, expect, test } from 'vitest';
import { describeError } from './describe-error.ts';

describe('an error in a log', () => {
  test('the description of an error shows its kind and its places, and nothing that it quotes', () => {
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

  test('the description of an error leaves out a stack that begins with a message of several lines', () => {
    const { stack } = describeError(new Error('one\n    at Canary'));
    expect(stack).not.toContain('Canary');
  });

  test('the description of a thrown value that is no error shows only its type', () => {
    expect(describeError('Canary')).toEqual({ error: 'string' });
  });
});
