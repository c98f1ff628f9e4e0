/** Places where a test may hold a batch, or end its session, to provoke a race. Only tests can set one. */

export type Failpoint =
  /** The facts of a batch are read; nothing is written yet. */
  | 'facts_read'
  /** All statements of a batch except the COMMIT are sent and answered; only if a test waits for it. */
  | 'before_commit'
  /** A batch is committed, and has woken no session yet. */
  | 'committed';

type Action = (lanes: readonly number[], writeIds: readonly string[]) => Promise<void> | void;

const actions = new Map<Failpoint, Action>();

/** Sets the action of a failpoint; null removes it. An action that throws ends the session. */
export function setFailpoint(name: Failpoint, action: Action | null): void {
  if (process.env['VITEST'] === undefined) throw new Error('Cannot set a failpoint outside of a test');
  if (action === null) actions.delete(name);
  else actions.set(name, action);
}

export function hasFailpoint(name: Failpoint): boolean {
  return actions.has(name);
}

/** Runs the action of a failpoint with the led lanes and, if there are some, with the writes. */
export async function passFailpoint(
  name: Failpoint,
  lanes: readonly number[],
  writeIds: readonly string[] = [],
): Promise<void> {
  await actions.get(name)?.(lanes, writeIds);
}
