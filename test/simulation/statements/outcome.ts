// What a node reads.

import { answerRow, byPosition, keyRows, now, read, type Statement, strings, text, unnest } from './rows.ts';

export const outcomeStatements = {
  readOutcomes: read(({ access, values }) => {
    const ids = strings(values[0]);
    return access
      .select('outcome', (row) => ids.has(text(row, 'write_id')))
      .map((row) => ({ write_id: row['write_id'], ...answerRow(row) }));
  }),
  findKeys: read(({ access, values }) =>
    unnest(['client', 'key'], values).flatMap(({ client, key }, index) => {
      const settled = keyRows(access, client, key).map((row) => ({ ...row, lane: null }));
      const pending = access
        .select('intake', (row) => row['client'] === client && row['idempotency_key'] === key)
        .sort(byPosition)
        .map((row) => ({
          ...answerRow(undefined),
          write_id: row['write_id'],
          fingerprint: [
            row['operation'],
            row['resource'],
            row['operation'] === 'upsert' ? '' : row['document_id'],
            row['content_hash'],
          ].join(' '),
          lane: row['lane'],
          resource: row['resource'],
        }));
      return [...settled, ...pending].slice(0, 1).map((row) => ({ place: index + 1, ...row }));
    }),
  ),
  readDocument: read(({ access, values: [id, resource] }) =>
    access
      .select('document', (row) => row['document_id'] === id && row['resource'] === resource)
      .map((row) => ({
        ...row,
        bytes: Buffer.byteLength(row['body'] as string),
        created_at: now(),
        modified_at: now(),
      })),
  ),
} satisfies Record<string, Statement>;
