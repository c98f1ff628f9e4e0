/** The only place that assembles what settles a batch: the coordinator, documents, and other targets. */
import { emptyModel, type Model } from '#model';
import { defaults, type Write } from '#protocol';
import { defaultSchema, type Session } from '#store';
import type { Origin } from './coordinator/origin.ts';
import { emptyReport, type BatchReport } from './coordinator/report.ts';
import { retryLog } from './coordinator/retry.ts';
import { settle, type BatchOptions } from './coordinator/settle.ts';
import { settleIdle, type NotAtOnce } from './coordinator/settle-idle.ts';
import type { Target } from './coordinator/target.ts';
import { isEndpoint, type TargetDefinition } from '#targets';
import type { Logger } from 'pino';
import { callTargets } from './calls/call-target.ts';
import { settleOptions } from './documents/model-options.ts';
import type { Projection } from './documents/projection.ts';
import { documentTarget, type DocumentOptions } from './documents/settle-documents.ts';
import { tableTargets } from './tables/table-target.ts';

export interface SettleOptions extends Omit<BatchOptions, 'targets'>, DocumentOptions {
  /** Other targets, which settle after documents, in this order. @default none */
  targets?: readonly Target[];
}

/** `settle` (coordinator/settle.ts) with documents and the other targets. */
export function settleBatch(
  session: Session,
  origin: Origin,
  options: SettleOptions,
  only: readonly string[] | null = null,
  report: BatchReport = emptyReport(),
): Promise<BatchReport> {
  return settle(session, origin, assemble(options), only, report);
}

/** Settles these writes, in order of arrival, or does nothing at all. @throws the errors of `settleIdle` */
export function settleAtOnce(
  session: Session,
  writes: readonly Write[],
  options: SettleOptions,
): Promise<BatchReport | NotAtOnce> {
  return settleIdle(session, writes, assemble(options));
}

/** What clients and writers are told alike of what they settle. */
export interface SettlingProcess {
  model?: Model | undefined;
  lanes?: number;
  cascadeDocumentsMax?: number;
  projections?: readonly Projection[];
  targets?: readonly TargetDefinition[];
  schema?: string | undefined;
  logger?: Logger | undefined;
}

export function settleOptionsOf({
  model = emptyModel,
  lanes = defaults.lanes,
  cascadeDocumentsMax = defaults.cascadeDocumentsMax,
  projections = [],
  targets = [],
  schema = defaultSchema,
  logger,
}: SettlingProcess): SettleOptions {
  return {
    ...settleOptions(model, { lanes, cascadeDocumentsMax }),
    projections,
    // Tables first, then functions and handlers in their order.
    targets: [...tableTargets(targets, { schema }), ...callTargets(targets, schema)],
    ...(logger === undefined ? {} : { onRetry: retryLog(logger) }),
  };
}

function assemble({ targets = [], ...options }: SettleOptions): BatchOptions {
  return { ...options, targets: [documentTarget(options, isEndpoint), ...targets] };
}
