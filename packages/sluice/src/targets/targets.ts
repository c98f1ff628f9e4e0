/** The targets of a process: their definitions, and the catalog of their tables. */
import { hash } from 'node:crypto';
import type { TableCatalog } from './catalog.ts';
import {
  isFunction,
  isTable,
  nameOf,
  type FunctionDefinition,
  type HandlerDefinition,
  type TargetDefinition,
} from './definition.ts';

export type ConfiguredTarget =
  | { kind: 'table'; name: string; table: TableCatalog }
  | { kind: 'function'; name: string; definition: FunctionDefinition }
  | { kind: 'handler'; name: string; definition: HandlerDefinition };

export interface Targets {
  /** In the order of the configuration. */
  readonly all: readonly ConfiguredTarget[];
  readonly tables: readonly TableCatalog[];
  readonly functions: readonly FunctionDefinition[];
  readonly handlers: readonly HandlerDefinition[];
  /** Finds by name; the schema `public` may be left out. */
  readonly find: (name: string) => ConfiguredTarget | undefined;
  /**
   * The agreement of all processes of a deployment: one line for each target, sorted, with its name, its kind and a
   * hash of its definition. Empty: no targets.
   */
  readonly agreed: string;
}

/** @param tables By name; each table of the definitions is in it. */
export function targetsOf(
  definitions: readonly TargetDefinition[],
  tables: ReadonlyMap<string, TableCatalog>,
): Targets {
  const all = definitions.map((definition): ConfiguredTarget => {
    const name = nameOf(definition);
    if (isTable(definition)) return { kind: 'table', name, table: tables.get(name)! };
    return isFunction(definition)
      ? { kind: 'function', name, definition }
      : { kind: 'handler', name, definition };
  });
  const byName = new Map(all.map((target) => [target.name, target]));
  return {
    all,
    tables: all.flatMap((target) => (target.kind === 'table' ? [target.table] : [])),
    functions: all.flatMap((target) => (target.kind === 'function' ? [target.definition] : [])),
    handlers: all.flatMap((target) => (target.kind === 'handler' ? [target.definition] : [])),
    find: (name) => byName.get(name) ?? byName.get(`public.${name}`),
    agreed: all.map(lineOf).sort().join('\n'),
  };
}

function lineOf(target: ConfiguredTarget): string {
  const key = target.kind === 'table' ? target.table.key : target.definition.key;
  return targetLine(target.name, target.kind, key);
}

/**
 * A line of the agreement: the settings that decide the identity of rows, and so lanes and order. They must be the
 * same in every process.
 */
export function targetLine(name: string, kind: string, key: readonly string[]): string {
  return `${name} ${kind} ${hash('sha256', JSON.stringify(key), 'hex').slice(0, 12)}`;
}
