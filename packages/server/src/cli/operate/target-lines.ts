/** Targets for people: one paragraph each. */
import type { TargetList, TargetStatus } from 'sluice/operator';

export function targetLines({ role, roleExists, targets }: TargetList): string[] {
  if (targets.length === 0) return ['No targets are configured, and the deployment has agreed on none'];
  const names = new Set(targets.map(({ name }) => name));
  const absent = roleExists
    ? []
    : ['', `No role ${role} exists: run \`sluice roles\`, or name the role of the writers by --role`];
  const isConfigured = targets.some((each) => each.isConfigured);
  const differ =
    isConfigured && targets.some((each) => each.agreed !== 'yes' || !each.isConfigured)
      ? ['', 'To agree on exactly the configured targets: sluice targets agree']
      : [];
  return [
    ...targets.flatMap((target, index) => [...(index === 0 ? [] : ['']), ...linesOf(target, names, role)]),
    ...absent,
    ...differ,
  ];
}

function linesOf(target: TargetStatus, names: ReadonlySet<string>, role: string): string[] {
  const { name, kind, key, problem, missingRights } = target;
  const keyText = key.length === 0 ? '' : `, key (${key.join(', ')})`;
  return [
    `${name}: ${kind}${keyText}; ${agreementText(target)}`,
    ...(problem === null ? [] : [`  ${problem}`]),
    ...catalogLines(target, names),
    ...missingRights.map((right) => `  ${role} lacks ${right}`),
  ];
}

function agreementText({ isConfigured, agreed }: TargetStatus): string {
  if (!isConfigured) return 'agreed on, not configured here';
  if (agreed === 'differs') return 'configured; the deployment has agreed on another kind or key';
  return agreed === 'yes' ? 'configured and agreed on' : 'configured, not agreed on';
}

function catalogLines({ table }: TargetStatus, names: ReadonlySet<string>): string[] {
  if (table === null) return [];
  const columns = table.columns.map((column) => {
    const { name, type, isNullable, isGenerated, identity } = column;
    const filled = isGenerated
      ? ' generated'
      : identity !== null
        ? ` identity ${identity}`
        : column.default === null
          ? ''
          : ' default';
    return `${name} ${type}${isNullable ? '' : ' not null'}${filled}`;
  });
  const uniques = table.uniques.map(
    ({ name, columns: of, isPartial }) =>
      `${name} (${of === null ? 'an expression' : of.join(', ')})${isPartial ? ' of a part of the rows' : ''}`,
  );
  const foreignKeys = table.foreignKeys.map(({ name, columns: of, table: parent, referencedColumns }) => {
    const standing = names.has(parent) ? 'a target: rows wait for it' : 'no target: its rows must be there';
    return `${name} (${of.join(', ')}) to ${parent} (${referencedColumns.join(', ')}), ${standing}`;
  });
  return [
    ...(table.isPartitioned ? ['  partitioned'] : []),
    ...list('columns', columns),
    ...list('unique', uniques),
    ...list('refers by', foreignKeys),
    ...list('triggers', table.triggers),
    ...(table.hasRowSecurity ? ['  row security  on: its policies cannot see the client of a write'] : []),
  ];
}

function list(head: string, items: readonly string[]): string[] {
  return items.map((item, index) => `  ${(index === 0 ? head : '').padEnd(12)}  ${item}`);
}
