/** Finds the values of a document that have to change because a document that it refers to has another identity. */
import { referenceAt, visitPlaces, walk } from './describe-document.ts';
import type { ReferenceRule, Resource } from './model.ts';

export interface RenamedDocument {
  readonly resource: Resource;
  /** Identities that the body of the referrer still contains. */
  readonly referentialId: string;
  readonly superclassId: string | null;
  /** The renamed document with its new identity, parsed. */
  readonly document: unknown;
}

/** One changed value of a body: its place, as names and indexes from the top, and its new value. */
export interface Edit {
  readonly path: readonly string[];
  readonly value: unknown;
}

/**
 * Gives every reference to the renamed document its new values, in place. Returns the changes; empty if the body does
 * not refer to it.
 */
export function renameReferences(resource: Resource, document: unknown, renamed: RenamedDocument): Edit[] {
  const edits: Edit[] = [];
  visitPlaces(resource, document, (rule, node, path) => {
    if (!mayLeadTo(rule, renamed.resource)) return;
    const reference = referenceAt(rule, node, path, new Set());
    const id = reference?.referentialId;
    if (id === undefined || (id !== renamed.referentialId && id !== renamed.superclassId)) return;
    const place = stepsOf(path);
    rule.values.forEach(({ steps }, index) => {
      const value = identityValue(renamed, index);
      const all = [...rule.holder.steps, ...steps];
      const holder = walk(node, all.slice(0, -1), path) as Record<string, unknown>;
      const name = all.at(-1)!;
      if (holder[name] === value) return;
      holder[name] = value;
      edits.push({ path: [...place, ...all], value });
    });
  });
  return edits;
}

function mayLeadTo(rule: ReferenceRule, target: Resource): boolean {
  const { superclass } = target;
  return (
    (rule.project === target.project && rule.name === target.name) ||
    (superclass !== null && rule.project === superclass.project && rule.name === superclass.name)
  );
}

/** Element `index` of the identity: the elements of a resource and of its superclass are in the same order. */
function identityValue(renamed: RenamedDocument, index: number): unknown {
  const { resource, document } = renamed;
  if (resource.isDescriptor) {
    const { namespace, codeValue } = document as { namespace: string; codeValue: string };
    return `${namespace}#${codeValue}`;
  }
  return walk(document, resource.identity.values[index]!.steps, '$');
}

/** `$.a.b[2]` as `['a', 'b', '2']`: names of a model have neither dots nor brackets. */
function stepsOf(path: string): string[] {
  return path
    .slice(1)
    .split(/[.[\]]+/)
    .filter((step) => step !== '');
}
