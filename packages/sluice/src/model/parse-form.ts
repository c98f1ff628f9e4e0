import type * as z from 'zod';
import { modelFault } from './definition.ts';

/** Parses a model file's JSON with a zod schema; the first fault becomes one sentence. */
export function parseForm<T>(schema: z.ZodType<T>, json: unknown, source: string): T {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const at = issue.path.reduce<string>(
    (text, step) =>
      typeof step === 'number' ? `${text}[${step}]` : text === '' ? String(step) : `${text}.${String(step)}`,
    '',
  );
  const isSentence = issue.message.startsWith('is ') || issue.message.startsWith('may ');
  throw modelFault(
    at === '' ? 'the file' : at,
    isSentence ? issue.message : `is wrong: ${issue.message}`,
    source,
  );
}
