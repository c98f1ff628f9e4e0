// Faults that somebody could make in how the parts play together, one for each mistake that systems of this kind are known
// for. The simulation's seeds, and the general check of a run, have to notice all of them. Where PostgreSQL would hide a
// fault, by a key, a lock or a count, that guard is named and taken away too: it is what holds should the fault be made. A
// seed that fails for the lack of the guards alone says nothing of the fault, and does not count.

import type { Fault } from '../simulation/overlay.ts';

export interface PromiseMutant {
  name: string;
  faults: Fault[];
  /** What is taken away beside it, of test/simulation/guards.ts or of the product's own second nets, by name. */
  without: Record<string, Fault[]>;
}

const origin = 'packages/batch/src/coordinator/intake-origin.ts';
const settle = 'packages/batch/src/coordinator/settle.ts';
const plan = 'packages/batch/src/documents/plan-batch.ts';
const apply = 'packages/batch/src/documents/apply-writes.ts';
const facts = 'packages/batch/src/documents/read-facts.ts';
const completion = 'packages/client/src/completion.ts';
const settler = 'packages/client/src/node-settler.ts';
const waiter = 'packages/client/src/waiter.ts';
const waits = 'packages/client/src/waits.ts';
const session = 'packages/writer/src/lane-session.ts';
const loop = 'packages/writer/src/lane-loop.ts';
const sessionOptions = 'packages/writer/src/lane-session-options.ts';
const elector = 'packages/writer/src/elector.ts';
const blocked = 'packages/writer/src/blocked-writes.ts';
const statements = 'test/simulation/statements/commit.ts';

const withoutGuard = (name: string): Fault => ({
  file: 'test/simulation/guards.ts',
  from: `${name}: true`,
  to: `${name}: false`,
});

/** A node that never ends a wait by itself. */
const endlessWait: Fault = {
  file: waits,
  from: `waiter.deadline = setTimeout(() => void this.#end(waiter), waitMs);`,
  to: `waiter.deadline = setTimeout(() => undefined, waitMs);`,
};
const noPoll: Fault = {
  file: completion,
  from: `    if (due.length === 0) return;`,
  to: `    if (due.length >= 0) return;`,
};
/** A leader that does not look whether it leads. */
const noBeat: Fault = {
  file: elector,
  from: `    const { ownership, writerId } = this.#options;
    await ownership.keep(this.terms);`,
  to: `    const { ownership, writerId } = this.#options;
    if (this.terms.size > 0) return { hasReady: true, hasBlocked: true, hasBlockedElsewhere: true, hasResumed: false, isDraining: false };
    await ownership.keep(this.terms);`,
};
const noSlices: Fault = {
  file: blocked,
  from: `if (this.#isTakingOver || performance.now() >= this.#nextSliceAt)`,
  to: `if (performance.now() < 0)`,
};
/** A second row of a key is left out. */
const keysOnce: Fault = {
  file: statements,
  from: `unnest(['client', 'key', 'fingerprint', 'write_id'], call.values)`,
  to: `unnest(['client', 'key', 'fingerprint', 'write_id'], call.values).filter(({ client, key }) => !call.access.exists('idempotency_key', (row) => row['client'] === client && row['key'] === key))`,
};

export const promiseMutants: PromiseMutant[] = [
  {
    name: 'M1 reads the intake behind the last position seen',
    faults: [
      {
        file: origin,
        from: `      const writes = (read?.rows ?? []).map(headerOf);
      return { writes: left.size === 0`,
        to: `      const all = (read?.rows ?? []).map(headerOf);
      const cursor = globalThis as unknown as { seen: Map<unknown, number> };
      const last = (cursor.seen ??= new Map<unknown, number>()).get(terms) ?? seenBefore.get(session) ?? 0;
      const writes = only === null ? all.filter(({ position }) => position > last) : all;
      seenBefore.set(session, Math.max(last, ...all.map(({ position }) => position)));
      return { writes: left.size === 0`,
      },
      {
        file: origin,
        from: `function pausedAmong(`,
        to: `const seenBefore = new WeakMap<object, number>();
function pausedAmong(`,
      },
    ],
    without: {},
  },
  {
    name: 'M2 answers when the write is in the intake, before its batch is committed',
    faults: [
      {
        file: waiter,
        from: `    this.isInserted = true;`,
        to: `    const write = this.write as Write;
    this.#waits.resolve({
      writeId: write.writeId,
      result: write.operation === 'delete' ? 'deleted' : 'created',
      code: null,
      resource: write.resource,
      documentId: write.documentId,
      version: 1,
      contentHash: write.contentHash,
      detail: null,
    });`,
      },
    ],
    without: {},
  },
  {
    name: 'M3 commits batches without waiting for their flush',
    faults: [
      {
        file: sessionOptions,
        from: `  idle_session_timeout: '2s',`,
        to: `  idle_session_timeout: '2s',
  synchronous_commit: 'off',`,
      },
    ],
    without: {},
  },
  {
    name: 'M4 commits on a session that need not hold the lock, without a fence',
    faults: [
      {
        file: session,
        from: `new LaneLoop(session, this.#wakeups, this.#options);`,
        to: `new LaneLoop(session, this.#wakeups, this.#options, await Session.open(connection));`,
      },
      {
        file: loop,
        from: `constructor(session: Session, wakeups: Wakeups, options: LaneSessionOptions) {`,
        to: `constructor(session: Session, wakeups: Wakeups, options: LaneSessionOptions, other: Session) {`,
      },
      { file: loop, from: `new Elector(session, {`, to: `new Elector(other, {` },
      { file: loop, from: `ownership: form(session, writerId),`, to: `ownership: form(other, writerId),` },
      { file: origin, from: `if (lost.length > 0) throw new DeposedError(lost);`, to: `` },
    ],
    without: { 'the end of a leadership with the session that holds its lock': [noBeat] },
  },
  {
    name: 'M5 sends a write again as a new one when it is not known whether it was applied',
    faults: [
      {
        file: settler,
        from: `    for (const waiter of batch) waiter.isUnderWay = false;
    const left = batch.filter(({ writeId }) => this.#options.waits.has(writeId));`,
        to: `    const left: Submitter[] = [];
    for (const waiter of batch) {
      waiter.isUnderWay = false;
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
      },
    ],
    without: {},
  },
  {
    name: 'M6 does not look again after it has set a write aside',
    faults: [
      {
        file: blocked,
        from: `woken += await this.#awaited.look(idsOf(blocked), lanes, '', idsOf(bound));`,
        to: `woken += bound.length * 0;`,
      },
    ],
    without: { 'the look that needs no hint': [noSlices] },
  },
  {
    name: 'M7 never looks without a hint',
    faults: [
      {
        file: elector,
        from: `hasReady: hasNew || readySeconds !== null,`,
        to: `hasReady: hasNew,`,
      },
    ],
    without: {},
  },
  {
    name: 'M8 has no foreign keys',
    faults: [withoutGuard('foreignKeys')],
    without: {},
  },
  {
    name: 'M9 takes a deadlock for a success',
    faults: [
      {
        file: settle,
        from: `      const fault = await faultOf(error, session, opened.length);`,
        to: `      const fault = await faultOf(error, session, opened.length);
      if (error instanceof DatabaseError && error.sqlState === '40P01') {
        for (const write of opened) {
          const applied = { ...refusal(write, 'cancelled'), result: 'updated' as const, code: null };
          report.outcomes.push({
            write,
            outcome: { ...applied, documentId: write.documentId, contentHash: write.contentHash },
          });
        }
        return;
      }`,
      },
    ],
    without: { 'the order of locks': [withoutGuard('lockOrder')] },
  },
  {
    name: 'M10 does not look again once it listens',
    faults: [
      {
        file: completion,
        from: `for (const id of payload === null ? waits.ids() : unpackIds(payload)) {`,
        to: `for (const id of payload === null ? [] : unpackIds(payload)) {`,
      },
    ],
    without: { 'the poll': [noPoll], 'the end of a wait': [endlessWait] },
  },
  {
    name: 'M11 lets a later write overtake a blocked one',
    faults: [{ file: apply, from: `if (blocker !== null)`, to: `if (blocker === '')` }],
    without: {},
  },
  {
    name: 'M12 reads before it holds the lock',
    faults: [
      {
        file: origin,
        from: `        { name: 'lockFreeTerms', values: [lanes] },
        only === null
          ? { name: 'readReady', values: [drained, writesMax, drained.map(behind), near] }
          : { name: 'readWrites', values: [only, false] },
      ]);
      const [fence, read] = answers`,
        to: `        only === null
          ? { name: 'readReady', values: [drained, writesMax, drained.map(behind), near] }
          : { name: 'readWrites', values: [only, false] },
        { name: 'lockFreeTerms', values: [lanes] },
      ]);
      const [read, fence] = answers`,
      },
    ],
    // A take-over waits for the open batch as it opens its term, before it reads: what comes in between is a cancellation.
    without: {
      'the key of outcomes': [withoutGuard('outcomeKey')],
      'the count of rows': [withoutGuard('rowCounts')],
    },
  },
  {
    name: 'M13 looks for an idempotency key outside of the transaction only',
    faults: [
      {
        file: facts,
        from: `  if (keys.length > 0) statements.push({ name: 'readKeys'`,
        to: `  if (keys.length < 0) statements.push({ name: 'readKeys'`,
      },
      {
        file: apply,
        from: `const replayed = key === null ? undefined : (facts.keys.get(key) ?? keysSettled.get(key));`,
        to: `const replayed = key === null ? undefined : facts.keys.get(key);`,
      },
    ],
    without: { 'the key of idempotency keys': [withoutGuard('idempotencyKey'), keysOnce] },
  },
  {
    name: 'M14 forgets the dependants of a write that is refused',
    faults: [{ file: plan, from: `      changed = true;`, to: `      changed = false;` }],
    without: { 'foreign keys': [withoutGuard('foreignKeys')] },
  },
];
