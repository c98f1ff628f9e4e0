/** The things that blocked writes await, with names from the bodies of these writes if a model is given. */
import { describeDocument, type DocumentReference, type Model } from '#model';
import { readBodies, type Database, type Row } from '#store';
import type { Awaited } from './contract.ts';
import { nameAwaitedRows } from './name-rows.ts';

interface BlockedWrite {
  writeId: string;
  resource: string;
}

/** Reads up to `most` awaited things for each of these writes. */
export async function readAwaited(
  database: Database,
  blocked: readonly BlockedWrite[],
  most: number,
  model: Model | null,
): Promise<Map<string, Awaited[]>> {
  const awaited = new Map<string, Awaited[]>();
  if (blocked.length === 0) return awaited;
  const rows = await database.run('readAwaitedStatus', [blocked.map(({ writeId }) => writeId), most]);
  for (const row of rows) {
    const writeId = row['write_id'] as string;
    awaited.set(writeId, [...(awaited.get(writeId) ?? []), awaitedOf(row)]);
  }
  await nameAwaitedRows(database, blocked, awaited, false);
  if (model !== null) await nameAwaited(database, blocked, awaited, model);
  return awaited;
}

export function awaitedOf(row: Row): Awaited {
  const providerId = row['provider_id'] as string | null;
  return {
    awaitedId: row['awaited_id'] as string,
    kind: row['kind'] as Awaited['kind'],
    standing: row['standing'] as Awaited['standing'],
    since: row['since'] as string,
    failure: row['failure'] as string | null,
    provider:
      providerId === null
        ? null
        : {
            writeId: providerId,
            lane: row['provider_lane'] as number,
            resource: row['provider_resource'] as string,
            reason: row['provider_reason'] as NonNullable<Awaited['provider']>['reason'],
          },
    resource: row['provider_resource'] as string | null,
    identity: null,
    path: null,
  };
}

/** Gives each awaited reference its name, from the body of the write that awaits it. */
export async function nameAwaited(
  database: Database,
  blocked: readonly BlockedWrite[],
  awaited: ReadonlyMap<string, readonly Awaited[]>,
  model: Model,
): Promise<void> {
  const resources = new Map(blocked.map(({ writeId, resource }) => [writeId, model.findEndpoint(resource)]));
  const run = (name: string, values: readonly unknown[]): Promise<Row[]> => database.run(name, values);
  for await (const [writeId, body] of readBodies(run, [...resources.keys()])) {
    const resource = resources.get(writeId);
    if (resource === undefined) continue;
    const { references } = describeDocument(resource, JSON.parse(body) as unknown);
    const known = new Map(references.map((reference) => [reference.referentialId, reference]));
    for (const each of awaited.get(writeId) ?? []) {
      const reference = known.get(each.awaitedId);
      if (reference === undefined) continue;
      each.resource = reference.resource;
      each.path = reference.path;
      each.identity = identityText(reference);
    }
  }
}

/** `schoolId=255901001, schoolYear=2026` */
function identityText({ identity }: DocumentReference): string {
  return identity.map(({ path, value }) => `${path.replace(/^\$\.?/, '')}=${value}`).join(', ');
}
