/** The frame of each run: a folder for documents, progress and results on the terminal, and an end by Ctrl-C. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '@sluice/dev/embedded';
import { awaitStopRequest, complain, printJson, printLine, ProgressLine } from '@sluice/server/cli';
import { peerNames, type PeerName } from '../names.ts';
import type { BenchValues } from './bench-settings.ts';

/** What every measurement is given, whatever it measures. */
function sharedOptions(values: BenchValues) {
  return {
    warmupSeconds: values.warmup,
    flushDelayMs: values.flushDelay ?? 0,
    postgres: values.postgres ?? {},
    databaseUrl: values.databaseUrl ?? null,
    dataDir: values.dataDir ?? null,
    profileFolder: values.profile ?? null,
  };
}

export interface Run<Measurement> extends ReturnType<typeof sharedOptions> {
  signal: AbortSignal;
  onProgress: (sentence: string) => void;
  onMeasurement: (measurement: Measurement) => void;
}

export async function runMeasurement<Report, Measurement>(
  values: BenchValues,
  isJson: boolean,
  measure: (run: Run<Measurement>, folder: string) => Promise<Report>,
  {
    lineOf,
    linesOf,
  }: { lineOf: (one: Measurement) => string; linesOf: (report: Report) => Iterable<string> },
): Promise<void> {
  const progress = new ProgressLine();
  const { signal } = awaitStopRequest();
  if (values.profile !== undefined) await makeFolder(values.profile);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-documents-'));
  const run: Run<Measurement> = {
    ...sharedOptions(values),
    signal,
    onProgress: (sentence) => progress.show(() => sentence),
    onMeasurement(measurement) {
      progress.clear();
      if (process.stderr.isTTY) complain(lineOf(measurement));
    },
  };
  try {
    const report = await measure(run, folder);
    progress.clear();
    if (isJson) printJson(report);
    else for (const line of linesOf(report)) printLine(line);
  } catch (error) {
    if (!signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    progress.clear();
    await rm(folder, { recursive: true, force: true });
  }
}

/** With `peers` as all of them. */
export function withPeers<Name extends string>(names: readonly (Name | 'peers')[]): (Name | PeerName)[] {
  return names.flatMap((name): (Name | PeerName)[] => (name === 'peers' ? [...peerNames] : [name]));
}
