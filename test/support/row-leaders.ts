// Two leaders that settle rows of a test's own tables: one leads the low lanes, the other the high lanes.

import pg from 'pg';
import {
  intakeOrigin,
  memoryOrigin,
  settleBatch,
  settleOptions,
  tableTargets,
  type BatchReport,
  type SettleOptions,
} from 'sluice/internal/batch';
import type { Write } from 'sluice/internal/protocol';
import { Session } from 'sluice/internal/store';
import { readTargets, type TableCatalog, type TableDefinition } from 'sluice/internal/targets';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { TestDatabase } from './database.ts';
import { model } from './model.ts';
import { rowWrite, type RowBody, type RowWriteOptions } from './row-write.ts';

export const isLow = (lane: number): boolean => lane < 8;
export const isHigh = (lane: number): boolean => lane >= 8;
export const isAny = (): boolean => true;

export interface RowLeaders {
  low: Session;
  high: Session;
  make: (
    table: string,
    operation: Write['operation'],
    body: RowBody | readonly RowBody[] | string,
    more?: RowWriteOptions,
  ) => Write;
  lead: (
    session: Session,
    isLed: (lane: number) => boolean,
    more?: Partial<SettleOptions>,
  ) => Promise<BatchReport>;
  /** Settles writes in the memory of a node. */
  settle: (writes: readonly Write[]) => Promise<BatchReport>;
  rows: (text: string, values?: unknown[]) => Promise<pg.QueryResultRow[]>;
}

/** @param text Makes the tables, which each test finds empty. */
export function useRowLeaders(
  database: Pick<TestDatabase, 'url' | 'writerUrl'>,
  definitions: readonly TableDefinition[],
  text: string,
): RowLeaders {
  let tables: Map<string, TableCatalog>;
  let other: pg.Client;
  const optionsOf = (): SettleOptions => ({
    ...settleOptions(model, { lanes: 16, cascadeDocumentsMax: 100 }),
    targets: tableTargets(definitions),
  });
  const leaders: RowLeaders = {
    low: undefined as never,
    high: undefined as never,
    make: (table, operation, body, more = {}) =>
      rowWrite(tables.get(table)!, operation, body, { tables: [...tables.values()], ...more }),
    async lead(session, isLed, more = {}) {
      const { rows } = await other.query<{ lane: number; term: string }>(
        'select lane, term from sluice.lane',
      );
      const led = rows.filter(({ lane }) => isLed(lane));
      const terms = new Map(led.map(({ lane, term }) => [lane, Number(term)]));
      return settleBatch(session, intakeOrigin(terms, 100), { ...optionsOf(), ...more });
    },
    settle: (writes) => settleBatch(leaders.low, memoryOrigin(writes), optionsOf()),
    rows: async (query, values = []) => (await other.query<pg.QueryResultRow>(query, values)).rows,
  };

  beforeAll(async () => {
    const url = database.writerUrl;
    leaders.low = await Session.open({ url, applicationName: 'leader of the low lanes' });
    leaders.high = await Session.open({ url, applicationName: 'leader of the high lanes' });
    other = new pg.Client(database.url);
    await other.connect();
    await other.query(`${text};
      grant select, insert, update, delete on all tables in schema public to ${new URL(url).username};
      insert into sluice.lane (lane) select generate_series(0, 15)`);
    const targets = await readTargets(leaders.low, definitions);
    tables = new Map(targets.tables.map((table) => [table.table, table]));
  });
  afterAll(async () => {
    await Promise.all([leaders.low.close(), leaders.high.close(), other.end()]);
  });
  beforeEach(async () => {
    const names = [...tables.keys()].join();
    await other.query(`truncate sluice.intake, sluice.awaited, sluice.dead_letter, ${names}`);
  });
  return leaders;
}

/** The results of writes, in their order. */
export function fates(writes: readonly Write[], report: BatchReport): string[] {
  const known = new Map([
    ...report.outcomes.map(({ outcome }) => [outcome.writeId, outcome.code ?? outcome.result] as const),
    ...report.deferred.map(({ writeId }) => [writeId, 'deferred'] as const),
    ...report.blocked.map(({ write }) => [write.writeId, 'blocked'] as const),
  ]);
  return writes.map(({ writeId }) => known.get(writeId) ?? 'nothing');
}
