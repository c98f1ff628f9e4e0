/** A number of clients, each of which waits for its answer before it sends its next document. */
import type { Contender } from '../contenders/contender.ts';
import type { Workload } from '../workload/workload.ts';
import type { Window, WindowResult } from './window.ts';

export async function runClosedLoop(
  contender: Contender,
  workload: Workload,
  clients: number,
  window: Window,
): Promise<WindowResult> {
  window.begin();
  const failures: Error[] = [];
  const client = async (): Promise<void> => {
    while (!window.isOver && failures.length === 0) {
      const document = workload.next();
      if (document === null) return;
      if (document.ready !== undefined) await document.ready;
      const startedAt = performance.now();
      await contender.submit(document);
      window.record(startedAt, document.isDuplicate !== true);
      document.stored?.();
    }
  };
  await Promise.all(
    Array.from({ length: clients }, () =>
      client().catch((error: unknown) => {
        failures.push(error instanceof Error ? error : new Error(String(error)));
      }),
    ),
  );
  const [failure] = failures;
  if (failure !== undefined) throw failure;
  return window.result();
}
