/** The life of one process of a deployment: start, report that it is ready, wait for a stop, finish, end. */
import { SluiceError } from 'sluice/internal/protocol';
import { complain, printJson, printLine } from './output.ts';
import { awaitStopRequest, finishWithin } from './stop-request.ts';

export interface Service {
  start(): Promise<{ url?: string; metricsUrl?: string }>;
  /** Finishes the work under way. */
  stop(): Promise<void>;
  /** Reads changed settings again, on SIGHUP. A service without it stops on SIGHUP. */
  reload?(): void;
  /** Resolves when the service has to end by itself. */
  ended?: Promise<void>;
}

export interface ServiceOptions {
  /** Name for people, shown when the process is ready: `API node`. */
  name: string;
  isJson: boolean;
  stopWithStdin: boolean;
  stopTimeoutMs: number;
}

/** A collector of traces that does not answer delays the stop no longer than this. */
const flushTimeoutMs = 2000;

export async function runUntilStopped(service: Service, options: ServiceOptions): Promise<void> {
  const { name, isJson, stopWithStdin, stopTimeoutMs } = options;
  const onHangUp = service.reload === undefined ? {} : { onHangUp: () => service.reload?.() };
  const stop = awaitStopRequest({ withStdin: stopWithStdin, isService: true, ...onHangUp });
  try {
    // A start may wait for a database that does not answer.
    const started = await Promise.race([service.start(), stop.requested]);
    if (started !== undefined) {
      const { url } = started;
      if (isJson) printJson({ event: 'ready', ...started, pid: process.pid });
      else printLine(url === undefined ? `${name} is ready` : `${name} is ready on ${url}`);
      await Promise.race([stop.requested, ...(service.ended === undefined ? [] : [service.ended])]);
    }
  } catch (error) {
    await finishWithin(
      service.stop().catch(() => undefined),
      stopTimeoutMs,
    );
    throw error;
  }
  if (!(await finishWithin(service.stop(), stopTimeoutMs))) {
    throw new SluiceError(
      'internal',
      `Cannot stop in order: work is still under way after ${stopTimeoutMs} ms`,
    );
  }
  // Loaded late, because most commands do not need it.
  const { flushSpans } = await import('sluice/internal/batch');
  await finishWithin(flushSpans(), flushTimeoutMs);
  if (!isJson) complain(`${name} has stopped`);
}
