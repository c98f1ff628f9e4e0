/** What a refusal says to people: the sentence of its code, and what the database named. */
import { errorTable } from './errors.ts';
import type { OutcomeCode, OutcomeDetail } from './write.ts';

export function refusalSentence(code: OutcomeCode, detail: OutcomeDetail | null): string {
  const sentence = errorTable[code].detail;
  const database = detail?.database;
  if (database === undefined) return sentence;
  const { sqlState, constraint, column, table = null } = database;
  const named = { SQLSTATE: sqlState, table, constraint, column };
  const facts = Object.entries(named).flatMap(([name, value]) =>
    value === null ? [] : [`${name} ${value}`],
  );
  // Only an upsert of several rows is told a constraint with this state.
  const isRepeated = sqlState === '21000' && constraint !== null;
  const said = isRepeated
    ? 'Two rows of the upsert are the same row: write it once'
    : sentence.replace(/\.$/, '');
  return `${said} (${facts.join(', ')}).`;
}
