/** Checks the list of targets of a program or a configuration file, before anything is read from the database. */
import { emptyModel, type Model } from '#model';
import { SluiceError } from '#protocol';
import * as z from 'zod';
import type { TargetDefinition } from './definition.ts';

/** Says that a required value is missing, or what it is not. */
const given = (form: string) => ({
  error: ({ input }: { input?: unknown }) =>
    input === undefined ? `is missing: it is ${form}` : `is not ${form}`,
});
const text = z.string(given('a text')).min(1, { error: 'is empty' });
const names = z.array(text, given('a list of names')).min(1, { error: 'is empty' });

const table = z.strictObject({
  table: text,
  key: names.optional(),
  rowSecurity: z.literal('bypass', { error: "can only be 'bypass'" }).optional(),
});

/** `$.page`, `$.visitor.id`. */
const path = given('a path such as $.page');
const keyPaths = z
  .array(z.string(path).regex(/^\$(\.[^.[\]*]+)+$/, path), given('a list of paths such as $.page'))
  .min(1, { error: 'is empty' });

const databaseFunction = z.strictObject({ function: text, key: keyPaths });

const handlerName = given('a name without a slash');
const handler = z.strictObject({
  name: z.string(handlerName).regex(/^[^/]+$/, handlerName),
  key: keyPaths,
  settle: z.custom<never>((value) => typeof value === 'function', { error: 'is not a function' }),
});

/** @throws {SluiceError} `configuration_invalid` that names the place of the target, and the fault */
export function checkDefinitions(definitions: readonly unknown[]): readonly TargetDefinition[] {
  definitions.forEach((definition, index) => {
    const place = `targets[${index}]`;
    const kind = kindOf(definition);
    if (kind === null) throw invalidTarget(`${place} has none of table, function, settle`);
    const checked = kind.safeParse(definition);
    if (checked.success) return;
    const [issue] = checked.error.issues;
    if (issue?.code === 'unrecognized_keys')
      throw invalidTarget(`${place}.${issue.keys[0]} is not an option of this kind of target`);
    throw invalidTarget(`${[place, ...(issue?.path ?? [])].join('.')} ${issue?.message}`);
  });
  return definitions as readonly TargetDefinition[];
}

/**
 * The given model; with targets only, a model without documents.
 * @throws {SluiceError} `configuration_invalid` if there is neither
 */
export function modelBeside(targets: readonly TargetDefinition[] = [], model?: Model): Model {
  if (model === undefined && targets.length === 0)
    throw new SluiceError('configuration_invalid', 'Cannot start: give a model, targets, or both');
  return model ?? emptyModel;
}

function kindOf(definition: unknown): z.ZodType | null {
  if (typeof definition !== 'object' || definition === null) return null;
  if ('table' in definition) return table;
  if ('function' in definition) return databaseFunction;
  return 'settle' in definition ? handler : null;
}

export function invalidTarget(reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot use the targets: ${reason}`);
}
