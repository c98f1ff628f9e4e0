/** The answer to a write of rows in the form of PostgREST: status, rows, count, and location. */
import { cutJson, type Outcome } from 'sluice/internal/protocol';
import type { FastifyReply } from 'fastify';
import { notSingular } from './rest-error.ts';

export interface AnswerForm {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  returns: 'minimal' | 'headers-only' | 'representation';
  /** Columns of the answer, in its order; null: all, in the order of the table. */
  shown: readonly string[] | null;
  /** The client asked for one object instead of an array. */
  isSingular: boolean;
  counts: boolean;
  /** An insert: 201 whatever was found. */
  isInsert: boolean;
}

/** The result of a write. */
export interface RowsWritten {
  /** Null: the write affected no row. */
  result: Outcome['result'] | null;
  /** Rows after the write, or before a delete, as PostgreSQL's JSON texts; null: they were not requested. */
  rows: readonly string[] | null;
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
  const texts = (rows ?? []).map((row) => shownText(row, form.shown));
  if (!isSingular) return reply.type('application/json; charset=utf-8').send(`[${texts.join(',')}]`);
  if (texts.length !== 1) throw notSingular(texts.length);
  return reply.type(`${singularType}; charset=utf-8`).send(texts[0]);
}

function statusOf({ result }: RowsWritten, { method, returns, isInsert }: AnswerForm): number {
  if (method === 'POST') return isInsert || result === 'created' ? 201 : 200;
  if (method === 'PUT' && result === 'created') return 201;
  return returns === 'representation' ? 200 : 204;
}

/** The columns are cut from the text of the row, so that numbers keep all their digits. */
function shownText(row: string, shown: AnswerForm['shown']): string {
  if (shown === null) return row;
  const texts = new Map(cutJson(row).map(({ name, text }) => [name, text]));
  return `{${shown.map((name) => `${JSON.stringify(name)}:${texts.get(name) ?? 'null'}`).join(',')}}`;
}
