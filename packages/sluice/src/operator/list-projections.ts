/** The projections that a deployment has agreed on, and whether their rows are complete. */
import type { Database } from '#store';

export interface ProjectionStatus {
  name: string;
  version: number;
  /** `needs_rebuild`: documents existed before the projection; `rebuilding`: a rebuild has started and not ended. */
  state: 'complete' | 'needs_rebuild' | 'rebuilding';
  /** Documents that the last or present rebuild has done. */
  rebuiltDocuments: number;
  rebuiltAt: string | null;
}

export async function listProjections(database: Database): Promise<ProjectionStatus[]> {
  const rows = await database.run('listProjections');
  return rows.map((row) => ({
    name: row['name'] as string,
    version: row['version'] as number,
    state:
      row['needs_rebuild'] !== true
        ? 'complete'
        : row['rebuild_resource'] === null
          ? 'needs_rebuild'
          : 'rebuilding',
    rebuiltDocuments: row['rebuilt_documents'] as number,
    rebuiltAt: row['rebuilt_at'] as string | null,
  }));
}
