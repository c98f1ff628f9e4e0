/** A finding of the doctor: the state of one thing, and advice if it is not in order. */
import { DatabaseError } from '#store';

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

/** The findings of a check. A check without a right is a finding, so that the other checks run. */
export async function attempt(check: string, look: () => Promise<Finding | Finding[]>): Promise<Finding[]> {
  try {
    return [await look()].flat();
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.sqlState !== '42501') throw error;
    const says = 'This check did not run, because this role lacks a right';
    return [
      ill(
        check,
        'warning',
        says,
        'Use the role of operators (sluice_ops), and run sluice roles after an upgrade',
      ),
    ];
  }
}

export function ill(check: string, verdict: 'warning' | 'fault', says: string, advice: string): Finding {
  return { check, verdict, says, advice };
}
