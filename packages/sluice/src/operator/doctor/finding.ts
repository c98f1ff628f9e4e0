/** What the doctor says of one thing: how it is, and what to do where it is not well. */

/** `warning`: works, and will hurt. `fault`: a promise does not hold, or work stands still. */
export type Verdict = 'ok' | 'warning' | 'fault';

export interface Finding {
  /** What was looked at; the same name in every release. */
  check: string;
  verdict: Verdict;
  /** A sentence. */
  says: string;
  /** What to do; null where it is well. */
  advice: string | null;
}

export function well(check: string, says: string): Finding {
  return { check, verdict: 'ok', says, advice: null };
}

export function ill(check: string, verdict: 'warning' | 'fault', says: string, advice: string): Finding {
  return { check, verdict, says, advice };
}
