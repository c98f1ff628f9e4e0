/** A finding of the doctor: the state of one thing, and advice if it is not in order. */

/** `warning`: works now, but will cause trouble. `fault`: a guarantee is broken, or work has stopped. */
export type Verdict = 'ok' | 'warning' | 'fault';

export interface Finding {
  /** Name of the check, the same in every release. */
  check: string;
  verdict: Verdict;
  /** A sentence. */
  says: string;
  /** What to do; null if all is in order. */
  advice: string | null;
}

export function well(check: string, says: string): Finding {
  return { check, verdict: 'ok', says, advice: null };
}

export function ill(check: string, verdict: 'warning' | 'fault', says: string, advice: string): Finding {
  return { check, verdict, says, advice };
}
