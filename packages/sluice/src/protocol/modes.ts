/** Modes of a node, and forms of ownership of a lane. */

export type Mode = 'direct' | 'local' | 'coordinated';
/** What becomes of a write that the intake does not take now: refused, or committed by its own node. */
export type OnOverload = 'refuse' | 'bypass';

/** How a lane is owned: by an advisory lock of the leader's session, or by a lease that the leader renews. */
export type OwnershipForm = 'lock' | 'lease';

/** Which sessions lead lanes: as few as keep up with the load, or all of them. */
export type Spread = 'load' | 'even';
/**
 * Why a leader wants as many sessions to lead as it does. `quiet`: one less would do. `busy`: as it is. `full`: most
 * batches take as many writes as they may, so more are waiting. `slow`: most batches take long. `even`: an operator wants
 * all to lead.
 */
export type Load = 'quiet' | 'busy' | 'full' | 'slow' | 'even';

export const modes: readonly Mode[] = ['direct', 'local', 'coordinated'];
