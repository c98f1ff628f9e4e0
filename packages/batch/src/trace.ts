/**
 * Spans of OpenTelemetry, where a program has registered an SDK; without one nothing records and nothing is kept. A
 * write's spans are found again across processes by its `traceparent`, which goes through the intake with it.
 */
import {
  ProxyTracerProvider,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Context,
  type Span,
  type SpanContext,
} from '@opentelemetry/api';
import { formatTraceparent, parseTraceparent } from '@sluice/protocol';

/** Asks for the SDK at each span, so that it may be registered at any time before. */
export const tracer = trace.getTracer('sluice');

/** Whether there is an SDK: where there is none, nothing is worth being read or made for it. */
export function isTracing(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('sluice') !== undefined;
}

/** The span that a traceparent names; null: it names none. */
export function spanContextOf(traceparent: string): SpanContext | null {
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
