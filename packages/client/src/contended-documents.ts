/**
 * Documents of which a lone write has waited for the lock in vain. Of the writes that a node has of such a document one is
 * tried at a time, the others stand behind it in their order: or all sessions of the node would wait for one document.
 */
export class ContendedDocuments<Waiter extends { write: { referentialId: string } }> {
  readonly #documents = new Map<string, { head: Waiter; behind: Waiter[] }>();

  /** False: it stands behind another from now on. */
  admits(waiter: Waiter): boolean {
    const document = this.#documents.get(waiter.write.referentialId);
    if (document === undefined || document.head === waiter) return true;
    document.behind.push(waiter);
    return false;
  }

  /** It has waited in vain. */
  note(waiter: Waiter): void {
    const { referentialId } = waiter.write;
    if (!this.#documents.has(referentialId)) this.#documents.set(referentialId, { head: waiter, behind: [] });
  }

  /** It wants the document no more. Gives the one that is to be tried next, if it stood in front. */
  leave(waiter: Waiter): Waiter | null {
    const { referentialId } = waiter.write;
    const document = this.#documents.get(referentialId);
    if (document === undefined) return null;
    if (document.head !== waiter) {
      document.behind = document.behind.filter((each) => each !== waiter);
      return null;
    }
    const next = document.behind.shift();
    if (next === undefined) this.#documents.delete(referentialId);
    else document.head = next;
    return next ?? null;
  }
}
