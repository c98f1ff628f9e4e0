/** The only place that assembles what settles a batch: the coordinator, documents, and other targets. */
import type { Write } from '#protocol';
import { defaultSchema, type Session } from '#store';
import type { Origin } from './coordinator/origin.ts';
import { emptyReport, type BatchReport } from './coordinator/report.ts';
import { settle, type BatchOptions } from './coordinator/settle.ts';
import { settleIdle, type NotAtOnce } from './coordinator/settle-idle.ts';
import type { Target } from './coordinator/target.ts';
import { isEndpoint, type TargetDefinition } from '#targets';
import { callTargets } from './calls/call-target.ts';
import { documentTarget, type DocumentOptions } from './documents/settle-documents.ts';
import { tableTargets } from './tables/table-target.ts';

export interface SettleOptions extends Omit<BatchOptions, 'targets'>, DocumentOptions {
  /** Other targets, which settle after documents, in this order. @default none */
  targets?: readonly Target[];
}

/**
 * Settles the writes of its origin, in one transaction if nothing fails.
 * @param only Ids of the writes to settle. @default all that the origin finds
 * @param report Says what was committed before an error was thrown.
 * @throws the errors of `settle`
 */
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

/**
 * The targets of these definitions: tables first, then functions and handlers in their order.
 * @param schema Schema of the deployment.
 */
export function targetsBeside(
  definitions: readonly TargetDefinition[],
  schema: string = defaultSchema,
): readonly Target[] {
  return [...tableTargets(definitions, { schema }), ...callTargets(definitions, schema)];
}

function assemble({ targets = [], ...options }: SettleOptions): BatchOptions {
  return { ...options, targets: [documentTarget(options, isEndpoint), ...targets] };
}
