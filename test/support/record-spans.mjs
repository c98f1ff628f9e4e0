// What a user imports ahead of Sluice: an SDK, here with an exporter that appends spans to the file in SPANS_FILE.
// As users do, it keeps spans for a while before it exports them.

import { appendFileSync } from 'node:fs';
import { trace } from '@opentelemetry/api';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

const exporter = {
  export(spans, done) {
    for (const span of spans) {
      const { traceId, spanId } = span.spanContext();
      const parent = span.parentSpanContext?.spanId;
      const links = span.links.map(({ context }) => context.spanId);
      appendFileSync(
        process.env.SPANS_FILE,
        `${JSON.stringify({ name: span.name, traceId, spanId, parent, links })}\n`,
      );
    }
    done({ code: 0 });
  },
  shutdown: () => Promise.resolve(),
};
const processor = new BatchSpanProcessor(exporter, { scheduledDelayMillis: 600_000 });
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }));
