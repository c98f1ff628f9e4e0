/** The path of writes through a client, by its mode. */
import { describeBatch, RetryLog, settleOptions, type BatchReport, type SettleOptions } from '@sluice/batch';
import { defaults } from '@sluice/protocol';
import type { Database, DatabaseClock } from '@sluice/store';
import type { ClientOptions } from './client-options.ts';
import { CoordinatedPath } from './coordinated-path.ts';
import { GuardedPath } from './guarded-path.ts';
import { MemoryPath } from './memory-path.ts';
import type { WritePath } from './write-path.ts';

type OnError = (error: unknown, doing: string) => void;

export function createPath(
  options: ClientOptions,
  database: Database,
  clock: DatabaseClock,
  onError: OnError,
): WritePath {
  const mode = options.mode ?? 'coordinated';
  if (mode !== 'coordinated') return memoryPath(mode, options, database, clock, onError);
  const path = new CoordinatedPath({
    database,
    clock,
    listenUrl: options.listenUrl ?? options.url,
    notifications: options.notifications ?? true,
    pollIntervalMs: options.pollIntervalMs ?? defaults.pollIntervalMs,
    flushWritesMax: options.flushWritesMax ?? defaults.flushWritesMax,
    fastPath: {
      settle: settleOptionsOf(options),
      writesMax: options.fastPathWritesMax ?? defaults.fastPathWritesMax,
      onBatch: (report) => noteBatch(report, options),
    },
    observer: options.observer,
    onError,
  });
  return new GuardedPath({
    path,
    bypass: options.onOverload === 'bypass' ? memoryPath('direct', options, database, clock, onError) : null,
    database,
    highWaterWrites: options.highWaterWrites ?? defaults.highWaterWrites,
    highWaterMs: options.highWaterMs ?? defaults.highWaterMs,
    leaderGraceMs: options.leaderGraceMs ?? defaults.leaderGraceMs,
    onError,
  });
}

function memoryPath(
  mode: 'direct' | 'local',
  options: ClientOptions,
  database: Database,
  clock: DatabaseClock,
  onError: OnError,
): MemoryPath {
  const isDirect = mode === 'direct';
  return new MemoryPath({
    database,
    clock,
    settle: settleOptionsOf(options),
    batchWritesMax: isDirect ? 1 : (options.flushWritesMax ?? defaults.flushWritesMax),
    sessionsMax: options.sessionsMax ?? (isDirect ? 32 : 2),
    pollIntervalMs: options.pollIntervalMs ?? defaults.pollIntervalMs,
    onBatch: (report) => noteBatch(report, options),
    onError,
  });
}

function settleOptionsOf({
  model,
  lanes,
  cascadeDocumentsMax,
  projections,
  logger,
}: ClientOptions): SettleOptions {
  return {
    ...settleOptions(model, {
      lanes: lanes ?? defaults.lanes,
      cascadeDocumentsMax: cascadeDocumentsMax ?? defaults.cascadeDocumentsMax,
    }),
    projections: projections ?? [],
    ...(logger === undefined ? {} : { onRetry: new RetryLog((...line) => logger.warn(...line)).note }),
  };
}

function noteBatch(report: BatchReport, { observer, logger }: ClientOptions): void {
  observer?.settled(report);
  if (logger?.isLevelEnabled('debug') === true) logger.debug(describeBatch(report), 'batch');
}
