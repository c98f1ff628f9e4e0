/**
 * Spans of OpenTelemetry, where a program has registered an SDK; without one nothing records and nothing is kept. A
 * write's spans are found again across processes by its `traceparent`, which goes through the intake with it.
 */
import {
  ProxyTracerProvider,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  TraceFlags,
  type Context,
  type Span,
  type SpanContext,
} from '@opentelemetry/api';
import { formatTraceparent, parseTraceparent } from '#protocol';
import type { BatchReport } from './report.ts';

/** Asks for the SDK at each span, so that it may be registered at any time before. */
export const tracer = trace.getTracer('sluice');

/** Whether there is an SDK: where there is none, nothing is worth being read or made for it. */
export function isTracing(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('sluice') !== undefined;
}

/** The span that a traceparent names; null: it names none. */
function spanContextOf(traceparent: string): SpanContext | null {
  const parsed = parseTraceparent(traceparent);
  if (parsed === null) return null;
  return { ...parsed, traceFlags: parsed.traceFlags & TraceFlags.SAMPLED, isRemote: true };
}

/** For spans that are parts of the one that a traceparent names. */
export function contextOf(traceparent: string): Context {
  const parent = spanContextOf(traceparent);
  return parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}

export function traceparentOf(span: Span): string {
  return formatTraceparent(span.spanContext());
}

/** A span's time of what `performance.now()` has told. */
export function epochMs(performanceMs: number): number {
  return performance.timeOrigin + performanceMs;
}

/** Has the SDK send what it still keeps, before the process ends. The API does not tell of it, though every SDK can. */
export async function flushSpans(): Promise<void> {
  const provider = trace.getTracerProvider();
  const sdk = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider;
  // Nobody to send them to is no fault of ours.
  await (sdk as { forceFlush?: () => Promise<void> }).forceFlush?.().catch(() => undefined);
}

/**
 * The spans of a batch that is settled: for each of its writes that is traced, how long it waited, and the batch. A batch
 * belongs to many traces: its span is in that of its first write and has a link to each; in the others, a span of the
 * same time has a link to it.
 */
export function traceBatch(report: BatchReport): void {
  if (!report.outcomes.some(({ write }) => write.traceparent !== null)) return;
  const traced = report.outcomes.flatMap(({ write, outcome }) =>
    write.traceparent === null ? [] : [{ write, outcome, traceparent: write.traceparent }],
  );
  const startTime = epochMs(report.startedAt);
  const endTime = epochMs(performance.now());
  const links = traced.flatMap(({ traceparent }) => {
    const context = spanContextOf(traceparent);
    return context === null ? [] : [{ context }];
  });
  let batch: Span | null = null;
  for (const { write, outcome, traceparent } of traced) {
    const parent = contextOf(traceparent);
    if (write.waitedSeconds !== null) {
      const began = { startTime: startTime - write.waitedSeconds * 1000, kind: SpanKind.INTERNAL };
      tracer.startSpan('sluice wait', began, parent).end(startTime);
    }
    const span: Span = tracer.startSpan(
      'sluice batch',
      {
        startTime,
        kind: SpanKind.CONSUMER,
        links: batch === null ? links : [{ context: batch.spanContext() }],
        attributes: {
          'sluice.batch_id': report.batchId,
          'sluice.result': outcome.result,
          'sluice.lane': write.lane,
          'sluice.batch_writes': report.outcomes.length,
          'sluice.batch_transactions': report.transactions,
          'sluice.read_ms': report.readMs,
          'sluice.plan_ms': report.planMs,
          'sluice.commit_ms': report.commitMs,
        },
      },
      parent,
    );
    span.end(endTime);
    batch ??= span;
  }
}
