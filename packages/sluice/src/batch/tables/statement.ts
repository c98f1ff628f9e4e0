/**
 * The statement that settles the writes of one form to one table. It is generated from the catalog, with quoted
 * names, and without any value of a request. It reads the bodies where they are, writes rows in the order of their
 * keys, and returns the result of each body.
 */
import { hash } from 'node:crypto';
import { encodersIn } from '#store';
import { changeText, lockerText, lockText } from './change-text.ts';
import { conflictText, insertText } from './insert-text.ts';
import type { RowStatement, StatementOptions } from './statement-options.ts';
import { Parts } from './statement-parts.ts';

export function rowStatement(options: StatementOptions): RowStatement {
  const parts = new Parts(options);
  const text = textOf(parts);
  const { isSingle, parents, plainState } = parts;
  const isLook = options.purpose === 'lock' || options.purpose === 'locker';
  const hasDeferred = !isLook && parents.some(({ foreignKey }) => foreignKey.isDeferred === true);
  const name = `row_${hash('sha256', options.version + text, 'hex').slice(0, 24)}`;
  return { name, text, encoders: encodersIn(text), isSingle, plainState, parents, hasDeferred };
}

function textOf(parts: Parts): string {
  if (parts.purpose === 'conflict') return conflictText(parts);
  if (parts.purpose === 'lock') return lockText(parts);
  if (parts.purpose === 'locker') return lockerText(parts);
  return parts.isInsert ? insertText(parts) : changeText(parts);
}
