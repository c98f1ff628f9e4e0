/**
 * The ways to stop a process: SIGTERM, SIGINT, a closed terminal (unless SIGHUP has another meaning), or the end of
 * the process that started it. If a supervisor asked for it, also the end of standard input, which comes when the
 * supervisor was killed. The first request lets work finish; a second signal ends the process immediately.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { complain } from './output.ts';
import { isUnderNohup, watchParent } from './parent-watch.ts';

export interface StopRequest {
  readonly signal: AbortSignal;
  /** Resolves when the process is told to stop. */
  readonly requested: Promise<void>;
}

export interface StopRequestOptions {
  /** Standard input is a supervisor's pipe. @default false */
  withStdin?: boolean;
  /** A process of a deployment, which a script may start and leave running. @default false */
  isService?: boolean;
  /** The meaning of SIGHUP. @default stop */
  onHangUp?: () => void;
  /** Runs before a second request ends the process. */
  onSecond?: () => void;
}

/** npm passes Ctrl-C on although the terminal has sent it; a signal within this time is the same request. */
const sameRequestMs = 500;

interface Series {
  isStopped: boolean;
}

const seriesOfWork = new AsyncLocalStorage<Series>();

/** Within `work`, a request to stop also concerns each later `awaitStopRequest`: a command that has not begun to wait. */
export function inSeries<T>(work: (series: Readonly<Series>) => Promise<T>): Promise<T> {
  const series = { isStopped: false };
  return seriesOfWork.run(series, () => work(series));
}

export function awaitStopRequest(options: StopRequestOptions = {}): StopRequest {
  const stopping = new AbortController();
  const series = seriesOfWork.getStore();
  let requestedAt = 0;
  const requested = new Promise<void>((resolve) => {
    const request = (signal: NodeJS.Signals | null): void => {
      if (!stopping.signal.aborted) {
        requestedAt = performance.now();
        if (series !== undefined) series.isStopped = true;
        stopping.abort();
        resolve();
      } else if (signal !== null && performance.now() - requestedAt > sameRequestMs) {
        options.onSecond?.();
        process.exit(signal === 'SIGINT' ? 130 : 143);
      }
    };
    if (series?.isStopped === true) request(null);
    process.on('SIGTERM', request);
    process.on('SIGINT', request);
    process.on('SIGHUP', options.onHangUp ?? (isUnderNohup() ? () => undefined : request));
    const isService = options.isService === true;
    watchParent(
      () => {
        if (!stopping.signal.aborted)
          complain('Stopping, because the process that started this one has ended');
        request(null);
      },
      { isService },
    );
    if (options.withStdin === true) {
      process.stdin.resume();
      for (const event of ['end', 'close', 'error']) process.stdin.on(event, () => request(null));
    }
  });
  return { signal: stopping.signal, requested };
}

/** Waits for `work` up to a limit; returns false if it did not finish. */
export async function finishWithin(work: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  const finished = await Promise.race([work.then(() => true), timeout]);
  clearTimeout(timer);
  return finished;
}
