// The end of every run: the time to recover, what the database holds then, and the check of it against what the clients
// saw.

import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { checkHistory } from './check-history.ts';
import type { OutcomeRow } from './history.ts';
import { countLeaks, readHistory, readIntake, readTruth, readUnledLanes } from './read-truth.ts';
import type { Verdict } from './verdict.ts';

/** After the last fault, everything that was left has its outcome within this time, and every lane a leader. */
export const recoveryBoundMs = 10_000;

/** Stands in every body, and may stand in no log. */
export const canary = 'ZZZ-LEAK';

export interface Conclusion {
  verdict: Verdict;
  outcomes: OutcomeRow[];
  /** Time until nothing waited and every lane was led, once the clients had ended; null: not within the bound. */
  calmAfterMs: number | null;
}

/** Where the evidence of a deployment is, or of one of its data stores. */
export interface Evidence {
  readonly url: string;
  /** For the history. */
  readonly folder: string;
  readonly logFolder: string;
  readonly serverLog: string;
}

export const historyFileOf = ({ folder }: Pick<Evidence, 'folder'>): string => join(folder, 'history.jsonl');

/** @param endReader Stops the search for dangling references, and returns the number that each read found. */
export async function checkDeployment(
  deployment: Evidence,
  endReader: () => Promise<readonly number[]> = () => Promise.resolve([]),
): Promise<Conclusion> {
  const calmAfterMs = await untilCalm(deployment.url);
  const samples = await endReader();
  const leaks = await countLeaks(deployment.logFolder, [deployment.serverLog], canary);
  const truth = { ...(await readTruth(deployment.url)), samples, unanswered: [], leaks };
  const verdict = checkHistory(readHistory(historyFileOf(deployment)), truth);
  return { verdict, outcomes: truth.outcomes, calmAfterMs };
}

/** Until nothing waits for anything but what it may wait for, and every lane is led. */
async function untilCalm(url: string): Promise<number | null> {
  const client = new pg.Client(url);
  await client.connect();
  const since = performance.now();
  try {
    for (;;) {
      const [intake, unled] = [await readIntake(client), await readUnledLanes(client)];
      if (unled.length === 0 && intake.every(({ isWaiting }) => isWaiting))
        return Math.round(performance.now() - since);
      if (performance.now() - since > recoveryBoundMs) return null;
      await pause(100);
    }
  } finally {
    await client.end();
  }
}
