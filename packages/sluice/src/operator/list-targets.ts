/** Lists the targets of a deployment: configured, agreed, as the catalog has them, and with the rights that writers lack. */
import { SluiceError } from '#protocol';
import type { Database } from '#store';
import {
  assertFunctions,
  checkDefinitions,
  isFunction,
  isTable,
  nameOf,
  readTables,
  readTargets,
  targetLine,
  type TableCatalog,
  type TargetDefinition,
} from '#targets';

export interface TargetStatus {
  /** Name as in the resource of its writes: `public.orders`. */
  name: string;
  kind: 'table' | 'function' | 'handler';
  /** Columns, or JSON paths into the body. Empty: no writer has recorded the key yet. */
  key: readonly string[];
  /** Whether the caller has configured it. */
  isConfigured: boolean;
  /** Whether the deployment has agreed on it; `differs`: with another kind or key. */
  agreed: 'yes' | 'no' | 'differs';
  /** The table in the catalog. */
  table: TableCatalog | null;
  /** Why it cannot be a target. */
  problem: string | null;
  /** Rights that the role lacks, e.g. `insert on public.orders`. */
  missingRights: readonly string[];
}

export interface TargetList {
  /** Role of the writers, whose rights were checked. */
  role: string;
  roleExists: boolean;
  targets: TargetStatus[];
}

type Known = Pick<TargetStatus, 'name' | 'kind' | 'key' | 'isConfigured' | 'agreed' | 'table' | 'problem'>;

/** @throws {SluiceError} `configuration_invalid` for an invalid definition */
export async function listTargets(
  database: Database,
  definitions: readonly TargetDefinition[],
  role: string,
): Promise<TargetList> {
  const agreed = await readAgreed(database);
  const own = await Promise.all(
    checkDefinitions(definitions).map((each) => describe(database, each, agreed.lines.get(nameOf(each)))),
  );
  const names = new Set(own.map(({ name }) => name));
  const others = [...agreed.lines].filter(([name]) => !names.has(name));
  const kept = await Promise.all(
    others.map(async ([name, line]): Promise<Known> => {
      const kind = line.split(' ').at(-2) as Known['kind'];
      const key = agreed.keys.get(name) ?? [];
      const bare = {
        name,
        kind,
        key,
        isConfigured: false,
        agreed: 'yes',
        table: null,
        problem: null,
      } as const;
      const definition = definitionOf(bare);
      return definition === null
        ? bare
        : { ...(await describe(database, definition, line)), isConfigured: false, agreed: 'yes' };
    }),
  );
  const all = [...own, ...kept];
  const named = (kind: Known['kind']) => all.flatMap((each) => (each.kind === kind ? [each.name] : []));
  const [row] = await database.run('readTargetRights', [role, named('table'), named('function')]);
  const missing = row?.['missing'] as { name: string; lacks: string }[];
  return {
    role,
    roleExists: row?.['role_exists'] as boolean,
    targets: all.map((each) => ({
      ...each,
      missingRights: missing.flatMap(({ name, lacks }) => (name === each.name ? [lacks] : [])),
    })),
  };
}

/**
 * Replaces the agreed targets. Running processes keep theirs until they are restarted.
 * @throws {SluiceError} `configuration_invalid` if one of them cannot be a target
 */
export async function changeTargets(
  database: Database,
  definitions: readonly TargetDefinition[],
  actor: string,
): Promise<void> {
  const { agreed } = await readTargets(database, definitions);
  await database.run('changeTargets', [agreed, actor]);
}

/** The lines of the agreement, and the recorded keys, both by name. */
async function readAgreed(
  database: Database,
): Promise<{ lines: Map<string, string>; keys: Map<string, readonly string[]> }> {
  const settings = await database.run('readSettings');
  const text = (settings.find(({ name }) => name === 'targets')?.['value'] as string | undefined) ?? '';
  const lines = text === '' ? [] : text.split('\n');
  const kept = await database.run('listTargets');
  return {
    // Names may have spaces; kind and hash have none.
    lines: new Map(lines.map((line) => [line.split(' ').slice(0, -2).join(' '), line])),
    keys: new Map(kept.map((row) => [row['name'] as string, row['key'] as string[]])),
  };
}

/** Null: the target is a handler, or its key is not recorded. */
function definitionOf({ name, kind, key }: Pick<Known, 'name' | 'kind' | 'key'>): TargetDefinition | null {
  if (kind === 'table') return { table: name, rowSecurity: 'bypass', ...(key.length === 0 ? {} : { key }) };
  return kind === 'function' && key.length > 0 ? { function: name, key } : null;
}

async function describe(
  database: Database,
  definition: TargetDefinition,
  agreedLine: string | undefined,
): Promise<Known> {
  const name = nameOf(definition);
  const kind = isTable(definition) ? 'table' : isFunction(definition) ? 'function' : 'handler';
  const found = isTable(definition) ? (await readTables(database, [definition])).get(name) : undefined;
  const table = found === undefined || found instanceof SluiceError ? null : found;
  const refused = isFunction(definition)
    ? await assertFunctions(database, [name]).then(() => null, sluiceErrorOf)
    : found instanceof SluiceError
      ? found
      : null;
  const key = table?.key ?? definition.key ?? [];
  const isSame = agreedLine === targetLine(name, kind, key);
  return {
    name,
    kind,
    key,
    isConfigured: true,
    agreed: agreedLine === undefined ? 'no' : isSame || refused !== null ? 'yes' : 'differs',
    table,
    problem: refused?.message ?? null,
  };
}

function sluiceErrorOf(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  throw error;
}
