import { expect, test } from 'vitest';
import { ExactJson, exactJson } from './exact-json.ts';

test('a JSON text of PostgreSQL is sent on one line, with its digits and its strings', () => {
  const text = '[{"n":9007199254740993}, \n {"text":"a\\nb"}\r\n]';
  expect(exactJson({ answer: new ExactJson(text) })).toBe(
    '{"answer":[{"n":9007199254740993},   {"text":"a\\nb"} ]}',
  );
});
