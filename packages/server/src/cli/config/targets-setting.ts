/** The tables, functions and handlers that writes may go to, besides documents or instead of them. */
import { checkDefinitions, type TargetDefinition } from 'sluice/internal/targets';
import { SluiceError } from 'sluice/internal/protocol';
import * as z from 'zod';
import { checkedBy, listOf } from './setting-forms.ts';
import { setting } from './setting.ts';

const tables = listOf(z.string().min(1)).transform((names) => names.map((table) => ({ table })));

export const targets = setting<TargetDefinition[]>({
  flags: '--table <name>',
  variables: ['SLUICE_TABLE'],
  description:
    'table that clients may write to, e.g. public.orders; repeat the option for others, or separate them by commas in the variable. The key `targets` of ' +
    'the configuration file also accepts functions, handlers and options. All processes must agree',
  form: 'a list of targets',
  schema: z
    .union([tables, z.array(z.unknown())])
    .superRefine(checkedBy(checkDefinitions))
    .transform((definitions) => definitions as TargetDefinition[]),
  fallback: [],
  isList: true,
  isStructured: true,
});

/**
 * Checks that a process has a model or targets.
 * @throws {SluiceError} `configuration_invalid`
 */
export function assertModelOrTargets(model: readonly string[] | undefined, given: readonly unknown[]): void {
  if (model !== undefined || given.length > 0) return;
  throw new SluiceError(
    'configuration_invalid',
    'Cannot start: give --model or SLUICE_MODEL, or name a table by --table or SLUICE_TABLE',
  );
}
