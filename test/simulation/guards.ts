// What PostgreSQL holds beside the product's own care. All of it stands; a mutant takes away what would hide it.

export const guards = {
  /** References lead to aliases, aliases to documents. */
  foreignKeys: true,
  /** One outcome a write. Taken away, leaders' batches are not held to it; the batches of nodes are. */
  outcomeKey: true,
  /** One settled write an idempotency key. */
  idempotencyKey: true,
  /** A statement that touches another number of rows than planned ends its transaction. */
  rowCounts: true,
  /** Documents are locked in the order of their ids. */
  lockOrder: true,
};
