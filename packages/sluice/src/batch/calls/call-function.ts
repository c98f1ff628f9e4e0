/** A set-returning function of the database as a target. Bodies of writes in the intake stay in the database. */
import type { WriteHeader } from '#protocol';
import { encodersIn, parametersOf, quotedPath, sqlFor, type Row } from '#store';
import type { HandlerResult } from '#targets';
import type { TargetBatch } from '../coordinator/target.ts';
import { callFault, type Call } from './call.ts';

/**
 * @param name With its schema, unquoted. The function takes one `jsonb`, an array of `{"writeId", "client", "body"}` in order of arrival, and
 *   returns one row for each. A row has the columns `result`, `code` and `answer`, as far as the function says so; any other
 *   row is the answer to a write with the result `updated`.
 * @param schema Of the deployment.
 */
export function callFunction(name: string, schema: string): Call {
  const ofIntake = sqlFor(schema, takenFromIntake).replace('CALLED', () => quotedPath(name));
  const encoders = encodersIn(ofIntake);
  const given = `select * from ${quotedPath(name)}($1::jsonb)`;
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

const takenFromIntake = `
  select * from CALLED((
    select jsonb_agg(jsonb_build_object('writeId', i.write_id, 'client', i.client, 'body', i.body) order by w.place)
    from unnest($1::uuid[]) with ordinality as w (write_id, place)
    cross join lateral (select write_id, client, body from sluice.intake where write_id = w.write_id offset 0) i))`;

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

function resultOf(row: Row): HandlerResult {
  const { result = 'updated', code, answer } = row;
  if ('result' in row) return { result, code, answer } as HandlerResult;
  const values = Object.values(row);
  return { result: 'updated', answer: values.length === 1 ? values[0] : row };
}
