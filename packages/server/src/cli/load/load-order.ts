/**
 * The order that a load needs: a document is submitted once the documents before it that it refers to, or that have the
 * same identity, are answered. So a load in a valid order meets no missing reference, however many of its documents are
 * under way at once, and the load need not know how files depend on each other.
 */
import { describeDocument, type Model } from 'sluice/model';
import type { LoadLine } from './load-line.ts';

export interface OrderedLine {
  line: LoadLine;
  /** Documents before this one that are still to be answered. */
  awaits: number;
  dependants: OrderedLine[];
  /** Identities that this document provides. */
  provides: readonly string[];
}

export class LoadOrder {
  readonly #model: Model | null;
  /** The last line that provides an identity and is not answered yet. */
  readonly #providers = new Map<string, OrderedLine>();
  #previous: OrderedLine | null = null;

  /** Without a model the references are unknown: every line waits for the one before it. */
  constructor(model: Model | null) {
    this.#model = model;
  }

  /** Takes the next line. It may be submitted at once if it awaits nothing. */
  admit(line: LoadLine): OrderedLine {
    const { provides, references } = this.#describe(line);
    const ordered: OrderedLine = { line, awaits: 0, dependants: [], provides };
    const awaited = new Set<OrderedLine>();
    for (const id of [...provides, ...references]) {
      const provider = this.#providers.get(id);
      if (provider !== undefined) awaited.add(provider);
    }
    if (this.#model === null && this.#previous !== null) awaited.add(this.#previous);
    for (const provider of awaited) provider.dependants.push(ordered);
    ordered.awaits = awaited.size;
    for (const id of provides) this.#providers.set(id, ordered);
    this.#previous = ordered;
    return ordered;
  }

  /** The line has its answer, whichever it is. Gives the lines that may go now. */
  release(answered: OrderedLine): OrderedLine[] {
    for (const id of answered.provides) {
      if (this.#providers.get(id) === answered) this.#providers.delete(id);
    }
    if (this.#previous === answered) this.#previous = null;
    return answered.dependants.filter((dependant) => {
      dependant.awaits -= 1;
      return dependant.awaits === 0;
    });
  }

  /** A document that cannot be described is for the node to refuse: nothing waits for it. */
  #describe({ endpoint, document }: LoadLine): { provides: string[]; references: string[] } {
    const resource = this.#model?.findEndpoint(endpoint);
    if (resource === undefined) return { provides: [], references: [] };
    try {
      const { referentialId, superclassId, references } = describeDocument(resource, document);
      return {
        provides: superclassId === null ? [referentialId] : [referentialId, superclassId],
        references: references.map((reference) => reference.referentialId),
      };
    } catch {
      return { provides: [], references: [] };
    }
  }
}
