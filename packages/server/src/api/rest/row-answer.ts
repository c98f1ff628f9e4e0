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
  /** The request has several rows. */
  isMany: boolean;
  /** Preferences for `Preference-Applied`. */
  applied: readonly string[];
}

/** The result of a write. */
export interface RowsWritten {
  /** Null: the write affected no row. */
  result: Outcome['result'] | null;
  /**
   * Rows after the write, or before a delete, as PostgreSQL's JSON texts. Null: they were not requested, here or by the
   * earlier request that had the same idempotency key.
   */
  rows: readonly string[] | null;
}

const singularType = 'application/vnd.pgrst.object+json';

/** @throws {RestError} if the client wants one object, and the write affected no row */
export function sendRows(reply: FastifyReply, written: RowsWritten, form: AnswerForm): FastifyReply {
  const { method, isSingular, counts } = form;
  const { result } = written;
  const affected = affectedBy(written, form);
  if (isSingular && affected !== null && affected !== 1) throw notSingular(affected);
  const rows = form.returns === 'representation' ? written.rows : null;
  sendApplied(reply, form.applied, { rows: rows !== null, count: affected !== null });
  if (result !== null) reply.header('Sluice-Result', result);
  if (method !== 'PUT') {
    const range = method === 'PATCH' && affected !== null && affected > 0 ? `0-${affected - 1}` : '*';
    reply.header('Content-Range', `${range}/${counts && affected !== null ? affected : '*'}`);
  }
  reply.code(statusOf(result, form, rows !== null));
  if (rows === null) return reply.send();
  const texts = rows.map((row) => shownText(row, form.shown));
  if (!isSingular) return reply.type('application/json; charset=utf-8').send(`[${texts.join(',')}]`);
  return reply.type(`${singularType}; charset=utf-8`).send(texts[0]);
}

/** Null: unknown. */
function affectedBy({ result, rows }: RowsWritten, { isMany }: AnswerForm): number | null {
  if (rows !== null) return rows.length;
  if (result === null || result === 'unchanged') return 0;
  return isMany ? null : 1;
}

/** @param has What the answer has, if the client asked for it. */
export function sendApplied(
  reply: FastifyReply,
  applied: readonly string[],
  has: { rows: boolean; count: boolean },
): void {
  const kept = applied.filter(
    (each) => (has.rows || each !== 'return=representation') && (has.count || !each.startsWith('count=')),
  );
  if (kept.length > 0) reply.header('Preference-Applied', kept.join(', '));
}

function statusOf(result: RowsWritten['result'], { method, isInsert }: AnswerForm, hasRows: boolean): number {
  if (method === 'POST') return isInsert || result === 'created' ? 201 : 200;
  if (method === 'PUT' && result === 'created') return 201;
  return hasRows ? 200 : 204;
}

/** The columns are cut from the text of the row, so that numbers keep all their digits. */
function shownText(row: string, shown: AnswerForm['shown']): string {
  if (shown === null) return row;
  const texts = new Map(cutJson(row).map(({ name, text }) => [name, text]));
  return `{${shown.map((name) => `${JSON.stringify(name)}:${texts.get(name) ?? 'null'}`).join(',')}}`;
}
