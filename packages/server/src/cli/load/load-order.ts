/**
 * The order of a load: a document is submitted after the answers to earlier documents that it refers to, or that have
 * the same identity. So a load in a valid order meets no missing reference, however many of its documents are under
 * way.
 */
import { describeDocument, type Model } from 'sluice/model';
import type { LoadLine } from './load-line.ts';

export interface OrderedLine {
  line: LoadLine;
  /** Number of earlier documents that are not answered yet. */
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

  /** Without a model the references are unknown, so every line waits for the one before it. */
  constructor(model: Model | null) {
    this.#model = model;
  }

  /** Takes the next line. It may be submitted now if it awaits nothing. */
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

  /** The line has its answer. Returns the lines that may go now. */
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

  /** Nothing waits for a document that cannot be described; the node refuses it. */
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
