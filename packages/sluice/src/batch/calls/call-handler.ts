/** Code of the program as a target. It runs in the transaction of the batch, and may not begin or end a transaction. */
import type { HandlerDefinition, HandlerWrite } from '#targets';
import { TargetError } from '../coordinator/fault.ts';
import { callFault, type Call, type CallResult } from './call.ts';

/** Statements that would end the transaction, or change the session for the batches that follow. */
const forbidden =
  /^(begin|start|commit|end|rollback|abort|savepoint|release|prepare|set|reset|discard|listen|unlisten|declare|fetch|close|deallocate|load|copy)\b/i;

export function callHandler(definition: HandlerDefinition): Call {
  const title = `handler ${definition.name}`;
  return async (batch, headers) => {
    const bodies = new Map<string, string>();
    for await (const [writeId, body] of batch.transaction.bodiesOf(headers)) bodies.set(writeId, body);
    const writes = headers.map(({ writeId, client }): HandlerWrite => {
      const text = bodies.get(writeId);
      if (text === undefined) throw new TargetError(title, new Error('cannot read a body that is too large'));
      return { writeId, client, body: JSON.parse(text) as unknown, text };
    });
    return batch.transaction.lend(
      title,
      async (lent) => {
        const results: unknown = await definition.settle({
          writes,
          query(text, values) {
            const [word] = forbidden.exec(withoutComments(text)) ?? [];
            return word === undefined
              ? lent.query(text, values)
              : Promise.reject(new Error(`Cannot run ${word.toUpperCase()} in the transaction of a batch`));
          },
        });
        if (!Array.isArray(results)) throw new TargetError(title, new Error('returned no array of results'));
        return results.map((given) => resultOf(given, title));
      },
      (cause) => callFault(title, cause),
    );
  };
}

/** @param given By other code, so nothing of it is certain. */
function resultOf(given: unknown, title: string): CallResult {
  const {
    result,
    code,
    answer = null,
  } = (given ?? {}) as { result?: unknown; code?: unknown; answer?: unknown };
  try {
    // A function has no JSON form.
    const text = answer === null ? undefined : (JSON.stringify(answer) as string | undefined);
    return { result, code, answerText: text ?? null };
  } catch (error) {
    throw new TargetError(title, new Error('returned an answer that cannot be stored', { cause: error }));
  }
}

/** Removes white space and comments before the first word. PostgreSQL nests comments, and ends a line at a carriage return, too. */
function withoutComments(text: string): string {
  const blank = /(?:[\s;]|--[^\n\r]*)*/y;
  let start = 0;
  for (;;) {
    blank.lastIndex = start;
    start += blank.exec(text)![0].length;
    const end = text.startsWith('/*', start) ? endOfComment(text, start) : null;
    if (end === null) return text.slice(start);
    start = end;
  }
}

/** Null: it does not end. */
function endOfComment(text: string, start: number): number | null {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = start;
  let depth = 0;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return null;
}
