/** The path of writes through a client, by its mode. */
import { logBatch, settleOptionsOf, type BatchReport } from '#batch';
import { defaults, Gathering } from '#protocol';
import type { Database, DatabaseClock, Row } from '#store';
import type { ClientOptions } from './client-options.ts';
import { CoordinatedPath } from './coordinated-path.ts';
import { IntakeBuffer } from './intake-buffer.ts';
import { IntakeGauge } from './intake-gauge.ts';
import { NodeSettler } from './node-settler.ts';
import { always, byCountAndAge, onOverflow, whileIdle, type SettlePolicy } from './settle-policy.ts';
import type { Route } from './waiter.ts';
import type { Waits } from './waits.ts';

export interface PathParts {
  waits: Waits;
  database: Database;
  clock: DatabaseClock;
  onError: (error: unknown, doing: string) => void;
}

/** Limit in milliseconds for a read of the lanes; if one takes longer, its connection is lost. */
const gaugeTimeoutMs = 2000;

export function createPath(options: ClientOptions, parts: PathParts): CoordinatedPath | NodeSettler {
  const { mode = 'coordinated', fastPathWritesMax = defaults.fastPathWritesMax } = options;
  if (mode === 'direct') return settlerOf(always(options), options, parts);
  if (mode === 'local') return settlerOf(byCountAndAge(options), options, parts);
  const buffer = intakeBufferOf(options, parts, false);
  return new CoordinatedPath({
    ...parts,
    gauge: gaugeOf(options, parts),
    buffer,
    durableBuffer: intakeBufferOf(options, parts, true),
    notifications: options.notifications ?? true,
    fastPath: fastPathWritesMax > 0 ? settlerOf(whileIdle(fastPathWritesMax), options, parts, buffer) : null,
    logger: options.logger,
    bypass: options.onOverload === 'bypass' ? settlerOf(onOverflow(options), options, parts) : null,
  });
}

function intakeBufferOf(options: ClientOptions, parts: PathParts, isDurable: boolean): IntakeBuffer {
  return new IntakeBuffer({
    ...parts,
    connection: parts.database.options,
    isDurable,
    notifications: options.notifications ?? true,
    flushWritesMax: options.flushWritesMax ?? defaults.flushWritesMax,
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

function gaugeOf(options: ClientOptions, { database, onError }: PathParts): IntakeGauge {
  return new IntakeGauge({
    highWaterWrites: options.highWaterWrites ?? defaults.highWaterWrites,
    highWaterMs: options.highWaterMs ?? defaults.highWaterMs,
    leaderGraceMs: options.leaderGraceMs ?? defaults.leaderGraceMs,
    async run(name, values): Promise<Row[]> {
      try {
        return await database.run(name, values, gaugeTimeoutMs);
      } catch (error) {
        onError(error, name);
        throw error;
      }
    },
  });
}

function settlerOf(
  policy: SettlePolicy,
  options: ClientOptions,
  parts: PathParts,
  next: Route | null = null,
): NodeSettler {
  const { pollIntervalMs = defaults.pollIntervalMs, observer, logger } = options;
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
