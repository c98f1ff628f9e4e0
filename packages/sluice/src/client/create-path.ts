/** The path of writes through a client, by its mode. */
import { logBatch, settleOptionsOf, type BatchReport } from '#batch';
import { Gathering } from '#protocol';
import type { Database, DatabaseClock } from '#store';
import type { Run } from './client-reads.ts';
import type { CompleteOptions } from './complete-options.ts';
import { CoordinatedPath } from './coordinated-path.ts';
import { IntakeBuffer } from './intake-buffer.ts';
import { IntakeGauge } from './intake-gauge.ts';
import { NodeSettler } from './node-settler.ts';
import { always, byCountAndAge, onOverflow, whileIdle, type SettlePolicy } from './settle-policy.ts';
import type { Route } from './waiter.ts';
import type { Waits } from './waits.ts';

/** Of a write to its outcome: through the intake, or settled by the node itself. */
export type WritePath = CoordinatedPath | NodeSettler;

interface PathParts {
  waits: Waits;
  database: Database;
  clock: DatabaseClock;
  run: Run;
  onError: (error: unknown, doing: string) => void;
}

/** Limit in milliseconds for a read of the lanes; if one takes longer, its connection is lost. */
const gaugeTimeoutMs = 2000;

export function createPath(options: CompleteOptions, parts: PathParts): WritePath {
  const { mode, fastPathWritesMax } = options;
  if (mode === 'direct') return settlerOf(always(options), options, parts);
  if (mode === 'local') return settlerOf(byCountAndAge(options), options, parts);
  const buffer = intakeBufferOf(options, parts, false);
  return new CoordinatedPath({
    ...parts,
    gauge: gaugeOf(options, parts),
    buffer,
    durableBuffer: intakeBufferOf(options, parts, true),
    notifications: options.notifications,
    fastPath: fastPathWritesMax > 0 ? settlerOf(whileIdle(fastPathWritesMax), options, parts, buffer) : null,
    logger: options.logger,
    bypass: options.onOverload === 'bypass' ? settlerOf(onOverflow(options), options, parts) : null,
  });
}

function intakeBufferOf(options: CompleteOptions, parts: PathParts, isDurable: boolean): IntakeBuffer {
  return new IntakeBuffer({
    ...parts,
    connection: parts.database.options,
    isDurable,
    notifications: options.notifications,
    flushWritesMax: options.flushWritesMax,
    batchPlaces: options.batchPlaces,
    gathering: new Gathering({
      worthWrites: 2,
      enoughWrites: 64,
      intervalMsMax: 25,
      trial: options.gatheringTrial,
    }),
    observer: options.observer,
  });
}

function gaugeOf(options: CompleteOptions, { database, onError }: PathParts): IntakeGauge {
  return new IntakeGauge({
    highWaterWrites: options.highWaterWrites,
    highWaterMs: options.highWaterMs,
    leaderGraceMs: options.leaderGraceMs,
    run: (name, values) => database.run(name, values, gaugeTimeoutMs),
    onError,
  });
}

function settlerOf(
  policy: SettlePolicy,
  options: CompleteOptions,
  parts: PathParts,
  next: Route | null = null,
): NodeSettler {
  const { pollIntervalMs, observer, logger } = options;
  return new NodeSettler({
    ...parts,
    policy,
    next,
    settle: settleOptionsOf(options),
    pollIntervalMs,
    onBatch(report: BatchReport): void {
      observer?.settled(report);
      logBatch(logger, report);
    },
  });
}
