/** The one place that puts together what settles a batch: the coordinator, documents, and whatever other targets there are. */
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
  /** Targets beside documents, which settle behind these, in this order. @default none */
  targets?: readonly Target[];
}

/**
 * Settles what its origin offers, in one transaction where nothing fails.
 * @param only Names the writes that it is about. @default all that the origin finds
 * @param report Tells what was committed before an error was thrown.
 * @throws what `settle` throws
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

/** Settles these writes, in order of arrival, or does nothing at all. @throws what `settleIdle` throws */
export function settleAtOnce(
  session: Session,
  writes: readonly Write[],
  options: SettleOptions,
): Promise<BatchReport | NotAtOnce> {
  return settleIdle(session, writes, assemble(options));
}

/**
 * The targets of these definitions: tables first, then functions and handlers in their order.
 * @param schema Of the deployment.
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
