/**
 * Places where a test may hold a batch, or end its session, to make a race happen that is otherwise a matter of luck.
 * Nothing but a test can set one.
 */

export type Failpoint =
  /** The facts of a batch are read; nothing is written yet. */
  | 'facts_read'
  /** All statements of a batch are sent and answered but the COMMIT: only where a test waits for it. */
  | 'before_commit'
  /** A batch is committed, and has woken no session yet. */
  | 'committed';

type Action = (lanes: readonly number[], writeIds: readonly string[]) => Promise<void> | void;

const actions = new Map<Failpoint, Action>();

/** Sets what happens at a failpoint, until it is unset by null. An action that throws ends the session. */
export function setFailpoint(name: Failpoint, action: Action | null): void {
  if (process.env['VITEST'] === undefined) throw new Error('Cannot set a failpoint outside of a test');
  if (action === null) actions.delete(name);
  else actions.set(name, action);
}

export function hasFailpoint(name: Failpoint): boolean {
  return actions.has(name);
}

/** Passes a failpoint with the lanes that are led and, where it is about some, with the writes. */
export async function passFailpoint(
  name: Failpoint,
  lanes: readonly number[],
  writeIds: readonly string[] = [],
): Promise<void> {
  await actions.get(name)?.(lanes, writeIds);
}
