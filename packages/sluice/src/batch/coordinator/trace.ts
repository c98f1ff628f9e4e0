/**
 * Spans of OpenTelemetry, if the program has registered an SDK. Without an SDK, nothing is recorded or kept. A
 * `traceparent`, stored in the intake with the write, connects the spans of several processes.
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

/** Finds the SDK at each span, so that the program may register it at any time. */
export const tracer = trace.getTracer('sluice');

/** Whether there is an SDK. Without one, code need not read or compute anything for spans. */
export function isTracing(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('sluice') !== undefined;
}

/** The span that a traceparent names; null: malformed. */
function spanContextOf(traceparent: string): SpanContext | null {
  const parsed = parseTraceparent(traceparent);
  if (parsed === null) return null;
  return { ...parsed, traceFlags: parsed.traceFlags & TraceFlags.SAMPLED, isRemote: true };
}

/** A context for spans below the span of a traceparent. */
export function contextOf(traceparent: string): Context {
  const parent = spanContextOf(traceparent);
  return parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
}

export function traceparentOf(span: Span): string {
  return formatTraceparent(span.spanContext());
}

/** Converts a time of `performance.now()` to the time of a span. */
export function epochMs(performanceMs: number): number {
  return performance.timeOrigin + performanceMs;
}

/** Makes the SDK send its pending spans before the process ends. The API has no such method, but every SDK has one. */
export async function flushSpans(): Promise<void> {
  const provider = trace.getTracerProvider();
  const sdk = provider instanceof ProxyTracerProvider ? provider.getDelegate() : provider;
  // A missing collector is no fault of the process.
  await (sdk as { forceFlush?: () => Promise<void> }).forceFlush?.().catch(() => undefined);
}

/**
 * The spans of a settled batch: for each traced write its wait, and the batch itself. A batch belongs to many traces.
 * Its span is in the trace of its first write, and has a link to each other trace. In those traces, a span of the
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
