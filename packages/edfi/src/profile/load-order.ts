/** The order in which a client loads resources, so that referenced documents come first. */
import type { Model, ReferenceRule, Resource } from 'sluice/model';
import { rulesOf } from '../model/api-rules.ts';

export interface LoadStep {
  /** `/ed-fi/schools` */
  resource: string;
  /** From 1; equal for resources that do not depend on each other. */
  order: number;
  operations: string[];
}

/**
 * Resources by the group in which they can be loaded. A reference to an abstract resource waits for all its
 * subclasses. In a cycle, optional references are ignored first, then required ones.
 */
export function loadOrder(model: Model): LoadStep[] {
  // School years are created with the deployment, not by clients.
  const open = new Set(model.resources.filter((resource) => !rulesOf(resource).isSchoolYear));
  const needs = new Map([...open].map((resource) => [resource, needsOf(resource, model, open)]));
  const steps: LoadStep[] = [];
  for (let order = 1; open.size > 0; order++) {
    const ready = readyOf(open, needs, () => true);
    const group = ready.length > 0 ? ready : freed(open, needs);
    for (const resource of group) {
      open.delete(resource);
      steps.push({ resource: `/${resource.endpoint}`, order, operations: ['Create', 'Update'] });
    }
  }
  return steps;
}

interface Need {
  target: Resource;
  isRequired: boolean;
}

function needsOf(resource: Resource, model: Model, known: ReadonlySet<Resource>): Need[] {
  return resource.references.flatMap((rule) => {
    const isRequired = isRequiredIn(resource, rule);
    return targetsOf(rule, model)
      .filter((target) => target !== resource && known.has(target))
      .map((target) => ({ target, isRequired }));
  });
}

function targetsOf({ project, name }: ReferenceRule, model: Model): Resource[] {
  const own = model.findResource(project, name);
  if (own !== undefined) return [own];
  return model.resources.filter(
    ({ superclass }) => superclass?.project === project && superclass.name === name,
  );
}

function isRequiredIn({ jsonSchema }: Resource, { paths }: ReferenceRule): boolean {
  const top = paths[0]?.path.split(/[.[]/)[1] ?? '';
  const { required = [] } = (jsonSchema ?? {}) as { required?: string[] };
  return required.includes(top);
}

function readyOf(
  open: ReadonlySet<Resource>,
  needs: ReadonlyMap<Resource, readonly Need[]>,
  counts: (need: Need) => boolean,
): Resource[] {
  return [...open].filter((resource) =>
    (needs.get(resource) ?? []).every((need) => !counts(need) || !open.has(need.target)),
  );
}

/** From a cycle: a resource with only optional references, else the one with the fewest. */
function freed(open: ReadonlySet<Resource>, needs: ReadonlyMap<Resource, readonly Need[]>): Resource[] {
  const [optional] = readyOf(open, needs, (need) => need.isRequired);
  if (optional !== undefined) return [optional];
  const count = (resource: Resource): number =>
    (needs.get(resource) ?? []).filter((need) => open.has(need.target)).length;
  return [...open].sort((a, b) => count(a) - count(b)).slice(0, 1);
}
