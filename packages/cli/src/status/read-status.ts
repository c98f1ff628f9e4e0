/** The state of a deployment as its database tells it. Ages are by the database's clock. */
import { Database, type Row } from '@sluice/store';

export interface LaneStatus {
  lane: number;
  /** Number of leaderships so far. */
  term: number;
  isLed: boolean;
  /** `host/process id` of the writer that leads it, or led it last. */
  leader: string | null;
  ready: number;
  blocked: number;
  /** Seconds since the oldest waiting write was accepted; null: none waits. */
  oldestSeconds: number | null;
}

export interface Status {
  schemaVersion: number | null;
  modelHash: string | null;
  documents: number;
  aliases: number;
  references: number;
  /** Writes accepted and not settled. */
  backlog: number;
  blocked: number;
  deadLetters: number;
  oldestSeconds: number | null;
  lanesWithoutLeader: number;
  lanes: LaneStatus[];
}

export async function readStatus(url: string): Promise<Status> {
  const database = new Database({ url, applicationName: 'sluice status', connectionsMax: 1 });
  try {
    const settings = new Map((await database.run('readSettings')).map((row) => [row['name'], row['value']]));
    const [counts = {}] = await database.run('countEverything');
    const rows = await database.run('readLanes');
    const [clock] = await database.run('readClock');
    const now = Date.parse(String(clock?.['now']));
    const lanes = rows.map((row) => laneStatus(row, now));
    const ages = lanes.flatMap(({ oldestSeconds }) => (oldestSeconds === null ? [] : [oldestSeconds]));
    return {
      schemaVersion: Number(settings.get('schema_version')) || null,
      modelHash: (settings.get('model_hash') as string | undefined) ?? null,
      documents: Number(counts['documents']),
      aliases: Number(counts['aliases']),
      references: Number(counts['references']),
      backlog: Number(counts['intake']),
      blocked: Number(counts['blocked']),
      deadLetters: Number(counts['dead_letters']),
      oldestSeconds: ages.length === 0 ? null : Math.max(...ages),
      lanesWithoutLeader: lanes.filter((lane) => !lane.isLed).length,
      lanes,
    };
  } finally {
    await database.close();
  }
}

function laneStatus(row: Row, now: number): LaneStatus {
  const oldest = row['oldest_accepted_at'] as string | null;
  const host = row['host'] as string | null;
  return {
    lane: Number(row['lane']),
    term: Number(row['term']),
    isLed: row['is_led'] === true,
    leader: host === null ? null : `${host}/${String(row['process_id'])}`,
    ready: Number(row['ready']),
    blocked: Number(row['blocked']),
    oldestSeconds: oldest === null ? null : Math.max(0, Math.round((now - Date.parse(oldest)) / 100) / 10),
  };
}
