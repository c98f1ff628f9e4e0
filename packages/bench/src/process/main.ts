/** The entry of every process that a measurement starts: clients, writers, API nodes, the proxy. */
import { readModelFiles } from '@sluice/server/cli';
import type { Model } from 'sluice/model';
import { createWriter, type WriterObserver } from 'sluice/internal/writer';
import { Ceiling } from '../contenders/ceiling.ts';
import { openContender } from '../contenders/open-contender.ts';
import { isOfRows } from '../names.ts';
import { benchModel } from '../workload/bench-model.ts';
import { rowTargets } from '../workload/rows.ts';
import { openWorkload } from '../workload/workload.ts';
import { runClosedLoop } from './closed-loop.ts';
import { HttpClients } from './http-clients.ts';
import { startNode } from './node.ts';
import { runOpenLoop } from './open-loop.ts';
import { startProxy } from './proxy.ts';
import type { Notice, Order, Task } from './task.ts';
import { Window, type WindowOptions, type WindowResult } from './window.ts';

interface Role {
  url?: string;
  run?: (window: Window, span: WindowOptions) => Promise<WindowResult>;
  stop: () => Promise<void>;
}

let role: Role | null = null;

process.on('message', (order: Order) => {
  obey(order).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    tell({ type: 'failed', message });
  });
});
// The parent process has ended.
process.on('disconnect', () => process.exit(1));

async function obey(order: Order): Promise<void> {
  switch (order.type) {
    case 'task':
      role = await take(order.task);
      return tell({ type: 'ready', ...(role.url === undefined ? {} : { url: role.url }) });
    case 'go': {
      const { warmupMs, durationMs } = order;
      const span = { warmupMs, durationMs, onWarm: () => tell({ type: 'warm' }) };
      const result = await role?.run?.(new Window(span), span);
      if (result !== undefined) tell({ type: 'result', result });
      return;
    }
    case 'stop':
      await role?.stop();
      process.removeAllListeners('disconnect');
      process.exit(0);
  }
}

function tell(notice: Notice): void {
  process.send?.(notice);
}

function take(task: Task): Promise<Role> {
  if (task.role === 'writer') return startWriter(task);
  if (task.role === 'node') return startNode(task);
  if (task.role === 'proxy') return startProxy(task);
  if (task.role === 'open-load') return openOpenLoad(task);
  return openLoad(task);
}

async function startWriter(task: Extract<Task, { role: 'writer' }>): Promise<Role> {
  const { url, lanes, sessions, batchWritesMax, tellsBatches } = task;
  const model: Model = task.modelFiles === null ? benchModel : await readModelFiles(task.modelFiles);
  const content = isOfRows(task.workload) ? { targets: rowTargets } : { model };
  const writer = createWriter({
    url,
    ...content,
    lanes,
    sessions,
    // Sessions of one writer are compared, so all of them lead.
    spread: sessions > 1 ? 'even' : 'load',
    batchWritesMax,
    ...(tellsBatches ? { observer: batchTeller } : {}),
  });
  await writer.start();
  return { stop: () => writer.stop() };
}

const batchTeller: WriterObserver = {
  settled: ({ outcomes }) =>
    tell({ type: 'batch', writes: outcomes.length, at: performance.timeOrigin + performance.now() }),
  woken: () => undefined,
  led: () => undefined,
  sessionEnded: () => undefined,
};

async function openLoad(task: Extract<Task, { role: 'load' }>): Promise<Role> {
  const workload = await openWorkload(task.workload);
  const { contender: name, clients, nodeUrls, url, lanes, batchWritesMax, poolMax, perSecond } = task;
  const { name: kind, seed } = task.workload;
  if (name === 'ceiling') {
    const ceiling = new Ceiling({ url, workload: kind, lanes, batchWritesMax });
    await ceiling.start();
    return { run: (window) => ceiling.run(workload, window), stop: () => ceiling.stop() };
  }
  const contender =
    nodeUrls.length > 0
      ? new HttpClients(nodeUrls, isOfRows(kind) ? '/rest/' : '/data/')
      : openContender(name, { url, model: workload.model, workload: kind, lanes, poolMax });
  await contender.start();
  return {
    run: (window, span) =>
      perSecond === 0
        ? runClosedLoop(contender, workload, clients, window)
        : runOpenLoop({ nodes: [contender], workload, perSecond, pattern: 'steady', seed, ...span }),
    stop: () => contender.stop(),
  };
}

async function openOpenLoad(task: Extract<Task, { role: 'open-load' }>): Promise<Role> {
  const { nodeUrls, perSecond, pattern, seed } = task;
  const workload = await openWorkload(task.workload);
  const nodes = nodeUrls.map((url) => new HttpClients([url]));
  return {
    run: (_window, span) => runOpenLoop({ nodes, workload, perSecond, pattern, seed, ...span }),
    stop: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
  };
}
