/** Values of a document by a path of the schema: `$.sections[*].sectionReference.schoolId`. */

export interface Place {
  /** `$.sections[2].sectionReference.schoolId` */
  path: string;
  value: unknown;
}

const parsed = new Map<string, readonly string[]>();

/** Names from the top down, `*` for each element of an array. Schemas are few, so each path is split once. */
export function stepsOf(path: string): readonly string[] {
  let steps = parsed.get(path);
  if (steps === undefined) {
    steps = path.replaceAll('[*]', '.*').split('.').slice(1);
    parsed.set(path, steps);
  }
  return steps;
}

/** Every place of the path; none if a part is absent or of another kind. */
export function placesAt(document: unknown, path: string): Place[] {
  const places: Place[] = [];
  visit(document, stepsOf(path), 0, '$', places);
  return places;
}

function visit(node: unknown, steps: readonly string[], depth: number, path: string, places: Place[]): void {
  const step = steps[depth];
  if (step === undefined) {
    if (node !== undefined && node !== null) places.push({ path, value: node });
  } else if (step === '*') {
    if (!Array.isArray(node)) return;
    node.forEach((element, index) => visit(element, steps, depth + 1, `${path}[${index}]`, places));
  } else if (typeof node === 'object' && node !== null && !Array.isArray(node)) {
    visit((node as Record<string, unknown>)[step], steps, depth + 1, `${path}.${step}`, places);
  }
}

/** The schema at a path; null if the schema does not define it. */
export function schemaAt(schema: object | null, path: string): Record<string, unknown> | null {
  let here = schema as Record<string, unknown> | null;
  for (const step of stepsOf(path)) {
    if (here === null) return null;
    const below =
      step === '*' ? here['items'] : (here['properties'] as Record<string, unknown> | undefined)?.[step];
    here = typeof below === 'object' && below !== null ? (below as Record<string, unknown>) : null;
  }
  return here;
}
