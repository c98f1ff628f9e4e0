/**
 * `sluice dev`: everything on one machine by one command. It starts a cluster, loads documents through all nodes,
 * reports the result, and stays up. It stops whatever it started, however it ends.
 */
import { SluiceError } from 'sluice/internal/protocol';
import { complain, printJson, printLine, awaitStopRequest, finishWithin } from '@sluice/server/cli';
import { Cluster } from './cluster.ts';
import { compareDirect } from './compare-direct.ts';
import type { DevOptions } from './dev-options.ts';
import { assertPortsFree, portsOf } from './ports.ts';
import { countStored, runLoad, type ClusterLoadReport } from './run-load.ts';
import { curlLines } from './existing-database.ts';
import { comparisonLine, existingSteps, loadLines, nextSteps, startedLines, summaryOf } from './say.ts';

/** Resolves with the exit code. */
export async function dev(options: DevOptions): Promise<number> {
  const say = options.isJson ? complain : printLine;
  await assertPortsFree(portsOf(options.port, options.nodes), options.host);
  const cluster = new Cluster({ ...options, onEvent: say });
  const stop = awaitStopRequest({ onSecond: () => cluster.kill() });
  void stop.requested.then(() => say('Stopping …'));
  const work = run(cluster, options, stop.signal, say);
  try {
    const code = await Promise.race([work, stop.requested]);
    if (code !== undefined) return code;
    // The load first, because nodes still have to answer its documents under way.
    await finishWithin(
      work.catch(() => undefined),
      loadStopTimeoutMs,
    );
    return options.isOnce ? 130 : 0;
  } finally {
    await cluster.stop();
    await work.catch(() => undefined);
  }
}

const loadStopTimeoutMs = 2000;

async function run(
  cluster: Cluster,
  options: DevOptions,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<number> {
  await cluster.start();
  for (const line of startedLines(cluster)) say(line);
  if (options.existing !== null) {
    const curl = await curlLines(options.existing, cluster.nodeUrls[0] ?? '');
    const { removal } = options.existing;
    if (options.isJson) printJson({ event: 'started', processes: cluster.processes, curl, removal });
    else for (const line of existingSteps(cluster, options.existing, curl)) say(line);
    await cluster.postgresEnded;
    return 0;
  }
  if (options.isJson)
    printJson({ event: 'started', databaseUrl: cluster.databaseUrl, processes: cluster.processes });

  const loaded = options.source === null ? null : await loadAndCompare(cluster, options, signal, say);
  const summary = summaryOf(cluster, options, loaded);
  if (options.isOnce) {
    if (options.isJson) {
      // The last line of output.
      await cluster.stop();
      printJson(summary);
    }
    return summary.failed === 0 ? 0 : 1;
  }
  if (options.isJson) printJson({ event: 'loaded', ...summary });
  else for (const line of nextSteps(cluster, options.model)) say(line);

  await cluster.postgresEnded;
  if (signal.aborted) return 0;
  throw new SluiceError(
    'database_unavailable',
    `Cannot go on: PostgreSQL has ended: see ${options.dataDir}/postgres.log`,
  );
}

async function loadAndCompare(
  cluster: Cluster,
  options: DevOptions,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<{ report: ClusterLoadReport; direct: ClusterLoadReport | null }> {
  const { model, concurrency, mode, waitForReferencesSeconds, shuffleSeed } = options;
  const ordered = { source: options.source!, model, concurrency, signal };
  const stored = await countStored(cluster);
  say(`Loading through ${cluster.nodeUrls.length} nodes, ${concurrency} documents at a time …`);
  const report = await runLoad(cluster, { ...ordered, waitForReferencesSeconds, shuffleSeed });
  for (const line of loadLines(report)) say(line);
  if (!options.compares || mode === 'direct' || report.isInterrupted) return { report, direct: null };
  if (stored > 0) {
    say('The database held documents before, so a comparison with direct mode would compare different work.');
    return { report, direct: null };
  }
  say('The same documents again, in order, in direct mode, beside it, for comparison …');
  const direct = await compareDirect({ ...options, onEvent: say }, ordered);
  say(comparisonLine(report, direct));
  return { report, direct };
}
