// What a check came to, in the words of Jepsen's reports, with a sentence on each of the first violations.

export interface Counts {
  /** Writes invoked, tries of one request each for itself. */
  attempts: number;
  ok: number;
  fail: number;
  info: number;
  reads: number;
  /** Acknowledged, and not there or not as acknowledged. */
  lost: number;
  /** One request with two effects. */
  duplicated: number;
  /** A reference that leads nowhere, now or at some moment. */
  dangling: number;
  /** Took effect before a write that was acknowledged before it was sent; or a lane went back to an older term. */
  reordered: number;
  /** Refused for a reason that did not hold. */
  falselyRefused: number;
  /** Answered as not applied, and applied; or two answers to one request. */
  dishonest: number;
  /** Read as it was before something that had been acknowledged. */
  stale: number;
  /** There, and sent by nobody. */
  unexpected: number;
  /** Left over after the faults: writes that wait for nothing, lanes without a leader. */
  stuck: number;
  /** Lines of logs with contents of documents. */
  leaked: number;
  /** Answered as unknown, and applied. */
  recovered: number;
}

export type Violation =
  | 'lost'
  | 'duplicated'
  | 'dangling'
  | 'reordered'
  | 'falselyRefused'
  | 'dishonest'
  | 'stale'
  | 'unexpected'
  | 'stuck'
  | 'leaked';

export const violations: readonly Violation[] = [
  'lost',
  'duplicated',
  'dangling',
  'reordered',
  'falselyRefused',
  'dishonest',
  'stale',
  'unexpected',
  'stuck',
  'leaked',
];

const findingsMax = 20;

export class Verdict {
  readonly counts: Counts = {
    attempts: 0,
    ok: 0,
    fail: 0,
    info: 0,
    reads: 0,
    lost: 0,
    duplicated: 0,
    dangling: 0,
    reordered: 0,
    falselyRefused: 0,
    dishonest: 0,
    stale: 0,
    unexpected: 0,
    stuck: 0,
    leaked: 0,
    recovered: 0,
  };
  readonly findings: string[] = [];

  found(violation: Violation, sentence: string, times = 1): void {
    if (times === 0) return;
    this.counts[violation] += times;
    if (this.findings.length < findingsMax) this.findings.push(`${violation}: ${sentence}`);
  }

  get isSound(): boolean {
    return violations.every((violation) => this.counts[violation] === 0);
  }
}
