/** Modes of a node, and forms of ownership of a lane. */

export type Mode = 'direct' | 'local' | 'coordinated';
/** What happens to a write that the intake does not take now: it is refused, or committed by its own node. */
export type OnOverload = 'refuse' | 'bypass';

/** How a lane is owned: by an advisory lock of the leader's session, or by a lease that the leader renews. */
export type OwnershipForm = 'lock' | 'lease';

/** Which sessions lead lanes: only as many as the load needs, or all. */
export type Spread = 'load' | 'even';
/**
 * Why a leader wants its number of leading sessions. `quiet`: one session less would suffice. `busy`: the number is
 * right. `full`: most batches are full, so more writes wait. `slow`: most batches take long. `even`: the setting asks
 * for all.
 */
export type Load = 'quiet' | 'busy' | 'full' | 'slow' | 'even';

export const modes: readonly Mode[] = ['direct', 'local', 'coordinated'];
