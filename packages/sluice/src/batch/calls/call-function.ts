/** A set-returning function of the database as a target. Bodies of writes in the intake stay in the database. */
import { cutJson, type WriteHeader } from '#protocol';
import { encodersIn, parametersOf, quotedPath, sqlFor, type Row } from '#store';
import type { TargetBatch } from '../coordinator/target.ts';
import { callFault, type Call, type CallResult } from './call.ts';

/**
 * @param name With its schema, unquoted. The function takes one `jsonb`, an array of `{"writeId", "client", "body"}` in order of arrival, and
 *   returns one row for each. A row has the columns `result`, `code` and `answer`, as far as the function says so; any other
 *   row is the answer to a write with the result `updated`.
 * @param schema Of the deployment.
 */
export function callFunction(name: string, schema: string): Call {
  const ofIntake = sqlFor(schema, takenFromIntake).replace('CALLED', () => quotedPath(name));
  const encoders = encodersIn(ofIntake);
  const given = sqlFor(schema, takenFromMemory).replace('CALLED', () => quotedPath(name));
  return async (batch, writes) => {
    const { bodies } = batch.transaction;
    const rows = await batch.transaction.lend(
      `function ${name}`,
      (lent) =>
        bodies === null
          ? lent.query(ofIntake, parametersOf([writes.map(({ writeId }) => writeId)], encoders))
          : lent.query(given, [textOf(writes, bodies)]),
      (cause) => callFault(`function ${name}`, cause),
    );
    return rows.map(resultOf);
  };
}

// With a star, because a column of the function may have the name of the alias.
const takenFromMemory = 'select row_to_json(r.*)::text as text from (select * from CALLED($1::jsonb)) r';
const takenFromIntake = `
  select row_to_json(r.*)::text as text from (select * from CALLED((
    select jsonb_agg(jsonb_build_object('writeId', i.write_id, 'client', i.client, 'body', i.body) order by w.place)
    from unnest($1::uuid[]) with ordinality as w (write_id, place)
    cross join lateral (select write_id, client, body from sluice.intake where write_id = w.write_id offset 0) i))) r`;

/** Bodies are passed on as text, because a number may have more digits than JavaScript keeps. */
function textOf(
  writes: readonly WriteHeader[],
  bodies: NonNullable<TargetBatch['transaction']['bodies']>,
): string {
  const parts = writes.map(({ writeId, client }) => {
    const body = bodies.get(writeId)?.body ?? 'null';
    return `{"writeId":${JSON.stringify(writeId)},"client":${JSON.stringify(client)},"body":${body}}`;
  });
  return `[${parts.join(',')}]`;
}

/** The row stays the text of PostgreSQL, because its numbers may have more digits than JavaScript keeps. */
function resultOf(row: Row): CallResult {
  const text = row['text'] as string;
  const members = cutJson(text);
  const textAt = (name: string): string => members.find((member) => member.name === name)?.text ?? 'null';
  const answerOf = (answer: string): string | null => (answer === 'null' ? null : answer);
  if (members.some(({ name }) => name === 'result')) {
    const [result, code] = [textAt('result'), textAt('code')].map((each) => JSON.parse(each) as unknown);
    return { result, code, answerText: answerOf(textAt('answer')) };
  }
  return { result: 'updated', answerText: answerOf(members.length === 1 ? members[0]!.text : text) };
}
