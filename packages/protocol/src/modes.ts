/** Modes of a node, and forms of ownership of a lane. */

export type Mode = 'direct' | 'local' | 'coordinated';
/** What becomes of a write that the intake does not take now: refused, or committed by its own node. */
export type OnOverload = 'refuse' | 'bypass';

/** How a lane is owned: by an advisory lock of the leader's session, or by a lease that the leader renews. */
export type OwnershipForm = 'lock' | 'lease';

export const modes: readonly Mode[] = ['direct', 'local', 'coordinated'];
