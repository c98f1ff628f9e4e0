/** Checks that the agreed targets can be written: they exist, and the role of the writers has the rights. */
import { roleName, type Database } from '#store';
import { listTargets } from '../list-targets.ts';
import { ill, well, type Finding } from './finding.ts';

export async function checkTargets(
  database: Database,
  role = roleName('writer', database.options.schema),
): Promise<Finding> {
  const { targets, roleExists } = await listTargets(database, [], role);
  const unusable = targets.filter(({ problem }) => problem !== null).map(({ name }) => name);
  if (unusable.length > 0) {
    const says = `These cannot be targets: ${unusable.join(', ')}`;
    return ill('targets', 'fault', says, 'See why: sluice targets');
  }
  if (targets.length > 0 && !roleExists) {
    const says = `The rights of writers on the targets were not checked: there is no role ${role}`;
    return ill(
      'targets',
      'warning',
      says,
      'Name the role of the writers by --role-prefix, or run: sluice roles',
    );
  }
  const lacking = targets.filter(({ missingRights }) => missingRights.length > 0).map(({ name }) => name);
  if (lacking.length > 0) {
    const says = `${role} lacks rights for: ${lacking.join(', ')}`;
    const advice = `See which rights: sluice targets --role ${role}. Then grant them`;
    return ill('targets', 'warning', says, advice);
  }
  return well('targets', targets.length === 0 ? 'No targets are agreed on' : 'Writers can use all targets');
}
