// Faults that somebody could make in how the parts play together, one for each mistake that systems of this kind are known
// for. The simulation's seeds, and the general check of a run, have to notice all of them. Where PostgreSQL would hide a
// fault, by a key, a lock or a count, that guard is named and taken away too: it is what holds should the fault be made. A
// seed that fails for the lack of the guards alone says nothing of the fault, and does not count.

import { always, assign, call, drop, first, give, never, omit, put, swap } from './edits.ts';
import { at, type Fault, type Mutant } from './mutant.ts';

/** Taken away beside the fault, of test/simulation/guards.ts or of the product's own second nets. */
const nets = {
  'the end of a leadership with the session that holds its lock': [
    at(
      'Elector/heartbeat',
      first(`
        if (this.terms.size > 0)
          return { hasReady: true, hasBlocked: true, hasBlockedElsewhere: true, hasResumed: false, isDraining: false };`),
    ),
  ],
  'the look that needs no hint': [at('BlockedWrites/#look', never('#isTakingOver', '#nextSliceAt'))],
  'the poll': [at('Completion/#poll', always('due', 'length'))],
  'the end of a wait': [at('Waits/#add', call('#end', 'undefined'))],
  'the key of outcomes': [at('guards', give('outcomeKey', 'false'))],
  'the count of rows': [at('guards', give('rowCounts', 'false'))],
  'the key of idempotency keys': [
    at('guards', give('idempotencyKey', 'false')),
    // A second row of a key is left out.
    at(
      'commitStatements/insertKeys',
      swap(
        'call.values)',
        `call.values).filter(({ client, key }) =>
          !call.access.exists('idempotency_key', (row) => row['client'] === client && row['key'] === key))`,
      ),
    ),
  ],
  'foreign keys': [at('guards', give('foreignKeys', 'false'))],
} satisfies Record<string, Fault[]>;

type Net = keyof typeof nets;

export interface PromiseMutant {
  mutant: Mutant;
  without: Record<string, Fault[]>;
}

function behind(names: readonly Net[], mutant: Mutant): PromiseMutant {
  return { mutant, without: Object.fromEntries(names.map((name) => [name, nets[name]])) };
}

export const promiseMutants: PromiseMutant[] = [
  behind(
    [],
    [
      'M1 reads the intake behind the last position seen',
      at(
        'intakeOrigin',
        swap(
          '(read?.rows ?? []).map(headerOf)',
          `((all) => {
          const seen = ((globalThis as any).seen ??= new WeakMap());
          const last = seen.get(session) ?? 0;
          seen.set(session, Math.max(last, ...all.map(({ position }) => position)));
          return only === null ? all.filter(({ position }) => position > last) : all;
        })((read?.rows ?? []).map(headerOf))`,
        ),
      ),
    ],
  ),
  behind(
    [],
    [
      'M2 answers when the write is in the intake, before its batch is committed',
      at(
        'Waiter/inserted',
        swap(
          'this.isInserted = true',
          `const write = this.write!;
          this.#waits.resolve({
            writeId: write.writeId,
            result: write.operation === 'delete' ? 'deleted' : 'created',
            code: null,
            resource: write.resource,
            documentId: write.documentId,
            version: 1,
            contentHash: write.contentHash,
            detail: null,
          })`,
        ),
      ),
    ],
  ),
  behind(
    [],
    [
      'M3 commits batches without waiting for their flush',
      at(
        'lane-session-options/sessionSettings',
        give('idle_session_timeout', `$0, synchronous_commit: 'off'`),
      ),
    ],
  ),
  behind(
    ['the end of a leadership with the session that holds its lock'],
    [
      'M4 commits on a session that need not hold the lock, without a fence',
      at(
        'LaneSession/#lead',
        swap(
          'this.#wakeups, this.#options)',
          'this.#wakeups, this.#options, await Session.open(connection))',
        ),
      ),
      at(
        'LaneLoop/constructor',
        swap('options: LaneSessionOptions)', 'options: LaneSessionOptions, other: Session)'),
        swap('new Elector(session', 'new Elector(other'),
        swap('form(session', 'form(other'),
      ),
      at('checkFence', never('lost')),
    ],
  ),
  behind(
    [],
    [
      'M5 sends a write again as a new one when it is not known whether it was applied',
      at(
        'NodeSettler/#settle',
        swap(
          'const left = batch.filter(({ writeId }) => this.#options.waits.has(writeId));',
          `const left: Submitter[] = [];
          for (const waiter of batch) {
            if (!this.#options.waits.has(waiter.writeId)) continue;
            if (deferred.size > 0) {
              left.push(waiter);
              continue;
            }
            const id = globalThis.crypto.randomUUID();
            const write = { ...waiter.write, writeId: id, ifMatch: null, idempotencyKey: null };
            const again = this.#options.waits.begin(write, 6000);
            again.outcome.then((outcome) => waiter.resolve(outcome), (error: Error) => waiter.reject(error));
            this.send(again);
          }`,
        ),
      ),
    ],
  ),
  behind(
    ['the look that needs no hint'],
    [
      'M6 does not look again after it has blocked a write',
      at('BlockedWrites/#afterSettling', drop('look', 'idsOf')),
    ],
  ),
  behind([], ['M7 never looks without a hint', at('Elector/heartbeat', give('hasReady', 'hasNew'))]),
  behind([], ['M8 has no foreign keys', ...nets['foreign keys']]),
  behind(
    [],
    [
      'M9 takes a deadlock, or the end of a wait for a lock, for a success',
      at(
        'settlePart',
        put(
          `$0
        if (fault instanceof DatabaseError && (fault.sqlState === '40P01' || fault.isLockWaitOver)) {
          for (const write of opened) {
            const applied = { ...refusal(write, 'cancelled'), result: 'updated' as const, code: null };
            const { documentId, contentHash } = write;
            report.outcomes.push({ write, outcome: { ...applied, documentId, contentHash } });
          }
          return;
        }`,
          'faultOf',
        ),
      ),
    ],
  ),
  behind(
    ['the poll', 'the end of a wait'],
    ['M10 does not look again once it listens', at('Completion/#hear', swap('waits.ids()', '[]'))],
  ),
  behind([], ['M11 lets a later write overtake a blocked one', at('applyAll', never('blocker', 'null'))]),
  // A take-over waits for the open batch as it opens its term, before it reads: what comes in between is a cancellation.
  behind(
    ['the key of outcomes', 'the count of rows'],
    [
      'M12 reads before it holds the lock',
      at(
        'intakeOrigin',
        omit('lockFreeTerms', 'lanes'),
        swap(
          'values: [only, false] }',
          `values: [only, false] }, { name: 'lockFreeTerms', values: [lanes] }`,
        ),
        swap('[fence, read]', '[read, fence]'),
      ),
    ],
  ),
  behind(
    ['the key of idempotency keys'],
    [
      'M13 looks for an idempotency key outside of the transaction only',
      at('firstStatements', drop('readKeys')),
      at('applyAll', drop('keysSettled', 'set')),
    ],
  ),
  behind(
    ['foreign keys'],
    ['M14 forgets the dependants of a write that is refused', at('planTogether', assign('changed', 'false'))],
  ),
];
