/** Reads the actions of operators, the latest first. */
import type { Database } from '#store';
import type { AuditEntry } from './action-contract.ts';

/** @param before `auditId` of the last entry of the previous page. */
export async function readAudit(
  database: Database,
  { before = Number.MAX_SAFE_INTEGER, limit = 100 }: { before?: number; limit?: number } = {},
): Promise<AuditEntry[]> {
  return (await database.run('readAudit', [before, limit])).map((row) => ({
    auditId: row['audit_id'] as number,
    doneAt: row['done_at'] as string,
    actor: row['actor'] as string,
    databaseRole: row['database_role'] as string,
    action: row['action'] as string,
    target: row['target'] as string,
    writes: row['writes'] as number,
    writeIds: row['write_ids'] as string[],
    detail: row['detail'] as AuditEntry['detail'],
  }));
}
