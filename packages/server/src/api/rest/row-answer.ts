/** The answer to a write of rows as PostgREST gives it: status, rows or none, how many, and where the row is. */
import type { Outcome } from 'sluice/internal/protocol';
import type { Column } from 'sluice/internal/targets';
import type { FastifyReply } from 'fastify';
import { notSingular } from './rest-error.ts';

export interface AnswerForm {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  returns: 'minimal' | 'headers-only' | 'representation';
  /** Columns of the answer, in its order. */
  shown: readonly Pick<Column, 'name' | 'baseType'>[];
  /** The client asked for one object, and for no array. */
  isSingular: boolean;
  counts: boolean;
  /** Rows that are inserted, where none of them is there: 201 whatever is found. */
  isInsert: boolean;
}

/** What a write came to. */
export interface RowsWritten {
  /** Null: the write affected no row. */
  result: Outcome['result'] | null;
  /** As they are after the write, of a delete as they were; null: they were not asked for. */
  rows: readonly Record<string, unknown>[] | null;
}

export const singularType = 'application/vnd.pgrst.object+json';

export function sendRows(reply: FastifyReply, written: RowsWritten, form: AnswerForm): FastifyReply {
  const { method, returns, isSingular, counts } = form;
  const { result, rows } = written;
  const affected = rows?.length ?? (result === null ? 0 : 1);
  if (result !== null) reply.header('Sluice-Result', result);
  if (method !== 'PUT') {
    const range = method === 'PATCH' && affected > 0 ? `0-${affected - 1}` : '*';
    reply.header('Content-Range', `${range}/${counts ? affected : '*'}`);
  }
  reply.code(statusOf(written, form));
  if (returns !== 'representation') return reply.send();
  const texts = (rows ?? []).map((row) => rowText(row, form.shown));
  if (!isSingular) return reply.type('application/json; charset=utf-8').send(`[${texts.join(',')}]`);
  if (texts.length !== 1) throw notSingular(texts.length);
  return reply.type(`${singularType}; charset=utf-8`).send(texts[0]);
}

function statusOf({ result }: RowsWritten, { method, returns, isInsert }: AnswerForm): number {
  if (method === 'POST') return isInsert || result === 'created' ? 201 : 200;
  if (method === 'PUT' && result === 'created') return 201;
  return returns === 'representation' ? 200 : 204;
}

/** The outcome has numbers that JavaScript would round as strings; they are numbers again here, with all their digits. */
function rowText(row: Record<string, unknown>, shown: AnswerForm['shown']): string {
  const members = shown.map(({ name, baseType }) => {
    const value = row[name] ?? null;
    const isNumber = typeof value === 'string' && (baseType === 'int8' || baseType === 'numeric');
    // What is no number there is NaN or Infinity, for which JSON has strings.
    const text = isNumber && /^-?\d/.test(value) ? value : JSON.stringify(value);
    return `${JSON.stringify(name)}:${text}`;
  });
  return `{${members.join(',')}}`;
}
