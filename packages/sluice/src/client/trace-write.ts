/** The spans of a write on its node: `sluice write` from the request to the answer, with the parts `intake` and `completion`. */
import { context, SpanKind, SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import { contextOf, epochMs, isTracing, tracer } from '#batch';
import type { ErrorCode, Result, RowOperation, Write } from '#protocol';
import type { FoundBy } from './observer.ts';

/** The attributes of the span of a request. */
export interface TracedRequest {
  operation: RowOperation;
  /** Name of the resource or of the target. */
  resource: string;
  traceparent?: string | undefined;
}

/**
 * Starts a span below the caller's active span, else below the request's `traceparent`, else in a new trace. Null: it
 * is not recorded.
 */
export function startWriteSpan({ traceparent, operation, resource }: TracedRequest): Span | null {
  if (!isTracing()) return null;
  const active = context.active();
  const isInner = traceparent === undefined || trace.getSpanContext(active) !== undefined;
  const span = tracer.startSpan('sluice write', undefined, isInner ? active : contextOf(traceparent));
  if (!span.isRecording()) return null;
  span.setAttribute('sluice.operation', operation);
  span.setAttribute('sluice.resource', resource);
  return span;
}

export function endWriteSpan(span: Span, result: Result | 'accepted'): void {
  span.setAttribute('sluice.result', result);
  span.end();
}

export function failWriteSpan(span: Span, code: ErrorCode): void {
  span.setAttribute('sluice.result', 'failed');
  span.setAttribute('sluice.code', code);
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** @param addedAt When the write was handed in, by `performance.now()`. */
export function traceIntake({ traceparent, writeId, lane }: Write, addedAt: number): void {
  if (traceparent === null) return;
  const attributes = { 'sluice.write_id': writeId, 'sluice.lane': lane };
  const span = { startTime: epochMs(addedAt), kind: SpanKind.PRODUCER, attributes };
  tracer.startSpan('sluice intake', span, contextOf(traceparent)).end(epochMs(performance.now()));
}

/** @param lookedAt When the node began to read the outcome, by `performance.now()`. */
export function traceCompletion({ traceparent, writeId }: Write, lookedAt: number, foundBy: FoundBy): void {
  if (traceparent === null) return;
  const attributes = { 'sluice.write_id': writeId, 'sluice.found_by': foundBy };
  const span = { startTime: epochMs(lookedAt), attributes };
  tracer.startSpan('sluice completion', span, contextOf(traceparent)).end(epochMs(performance.now()));
}
