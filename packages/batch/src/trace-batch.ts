/**
 * The spans of a batch that is settled: for each of its writes that is traced, how long it waited, and the batch. A batch
 * belongs to many traces: its span is in that of its first write and has a link to each; in the others, a span of the
 * same time has a link to it.
 */
import { SpanKind, type Span } from '@opentelemetry/api';
import type { BatchReport } from './attempt.ts';
import { contextOf, epochMs, spanContextOf, tracer } from './trace.ts';

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
