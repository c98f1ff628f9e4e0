/**
 * JSON paths as a model writes them: `$`, then names, each possibly followed by `[*]`. They are parsed once, when the
 * model is read; code for documents uses the steps only.
 */

const PATH = /^\$(?:\.[A-Za-z_][\w-]*(?:\[\*\])?)+$/;

export function isModelPath(path: string): boolean {
  return PATH.test(path);
}

/** Member names from one object down to a value. */
export type Steps = readonly string[];

/** A path cut at each `[*]`: the steps to each array in turn, and from the innermost element to the value. */
export interface CutPath {
  readonly arrays: readonly Steps[];
  readonly rest: Steps;
}

export function cutPath(path: string): CutPath {
  const pieces = path.slice(1).split('[*]');
  const steps = pieces.map((piece) => (piece === '' ? [] : piece.slice(1).split('.')));
  return { arrays: steps.slice(0, -1), rest: steps.at(-1)! };
}

/** The longest run of steps with which all of these begin. */
export function commonSteps(all: readonly Steps[]): Steps {
  const [first = [], ...others] = all;
  let length = 0;
  while (length < first.length && others.every((steps) => steps[length] === first[length])) length++;
  return first.slice(0, length);
}

/** Steps as the text that follows an element's path: `.sectionReference.schoolId`. */
export function textOf(steps: Steps): string {
  return steps.map((step) => `.${step}`).join('');
}
