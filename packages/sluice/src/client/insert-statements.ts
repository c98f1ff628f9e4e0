/** The statements that insert writes into the intake and wake the writers of their lanes. */
import type { Write } from '#protocol';
import { noWakeup, wakeupsOf, type Statement } from '#store';

interface InsertOptions {
  /** Each insert is flushed before it is confirmed, and the hint follows in its own statement. */
  isDurable: boolean;
  withHint: boolean;
  /** Some of the writes may be in the intake already. */
  isAgain: boolean;
  /** By the database's clock. */
  now: number;
  /** The insert leaves out writes whose idempotency keys belong to earlier writes, and returns their ids. */
  looksForKeys: boolean;
}

export function insertStatements(
  writes: readonly Write[],
  { isDurable, withHint, isAgain, now, looksForKeys }: InsertOptions,
): Statement[] {
  const ridesAlong = withHint && !isDurable;
  const of = <V>(value: (write: Write) => V): V[] => writes.map(value);
  const [channels, lanes] = withHint ? wakeupsOf(of((write) => write.lane)) : noWakeup;
  const insert: Statement = {
    name: 'insertIntake',
    values: [
      of((write) => write.writeId),
      of((write) => write.lane),
      of((write) => write.operation),
      of((write) => write.resource),
      of((write) => write.documentId),
      of((write) => write.referentialId),
      of((write) => write.superclassId),
      of((write) => `{${write.referenceIds.join(',')}}`),
      of((write) => write.contentHash),
      of((write) => write.ifMatch),
      of((write) => write.client),
      of((write) => write.idempotencyKey),
      // Sent as a duration: the database sets the deadline by its own clock, which the process only estimates.
      of(({ referenceDeadline }) =>
        referenceDeadline === null ? null : (Date.parse(referenceDeadline) - now) / 1000,
      ),
      of((write) => write.node),
      of((write) => write.body),
      ridesAlong ? channels : [],
      isAgain,
      writes.some(({ traceparent }) => traceparent !== null) ? of((write) => write.traceparent) : [],
      ridesAlong ? lanes : [],
      writes.some(({ form }) => form !== null) ? of((write) => write.form) : [],
      looksForKeys,
    ],
  };
  return withHint && !ridesAlong
    ? [insert, { name: 'hintWriters', values: [channels, lanes], isOptional: true }]
    : [insert];
}
