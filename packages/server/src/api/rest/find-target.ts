/** Finds the target of a URL: the name in the path, with the schema of `Content-Profile`, or `public`. */
import type { ClientTarget, SluiceClient } from 'sluice/internal/client';
import type { IncomingHttpHeaders } from 'node:http';
import { RestError } from './rest-error.ts';

export type TableTarget = ClientTarget & { kind: 'table'; catalog: NonNullable<ClientTarget['catalog']> };

type Client = Pick<SluiceClient, 'targets'>;

const defaultSchema = 'public';

/** @throws {RestError} `PGRST106`, `PGRST205` */
export function findTable(client: Client, name: string, headers: IncomingHttpHeaders): TableTarget {
  const target = find(client, name, headers, isTable);
  if (target !== undefined) return target;
  const isOther = find(client, name, headers, isFunction) !== undefined;
  throw new RestError('endpoint_not_found', {
    code: 'PGRST205',
    status: 404,
    message: `Could not find the table '${nameIn(name, headers)}' in the schema cache`,
    hint: isOther
      ? `It is not a table: POST to /rest/rpc/${encodeURIComponent(name)}`
      : 'Name tables in `targets` of the configuration, or by --table.',
  });
}

/** @throws {RestError} `PGRST106`, `PGRST202` */
export function findFunction(client: Client, name: string, headers: IncomingHttpHeaders): ClientTarget {
  const target = find(client, name, headers, isFunction);
  if (target !== undefined) return target;
  throw new RestError('endpoint_not_found', {
    code: 'PGRST202',
    status: 404,
    message: `Could not find the function ${nameIn(name, headers)} in the schema cache`,
    hint: 'Name functions and handlers in `targets` of the configuration.',
  });
}

function isTable(target: ClientTarget): target is TableTarget {
  return target.kind === 'table';
}

function isFunction(target: ClientTarget): target is ClientTarget {
  return target.kind !== 'table';
}

/** The name as given is tried last: it may contain its schema, or be that of a handler. */
function find<T extends ClientTarget>(
  client: Client,
  name: string,
  headers: IncomingHttpHeaders,
  isOfKind: (target: ClientTarget) => target is T,
): T | undefined {
  const targets = client.targets();
  const schema = schemaOf(headers);
  if (schema !== undefined) assertSchema(targets, schema);
  const within = `${schema ?? defaultSchema}.${name}`;
  const fits = (full: string) => (target: ClientTarget) => target.name === full && isOfKind(target);
  const found = targets.find(fits(within)) ?? (schema === undefined ? targets.find(fits(name)) : undefined);
  return found as T | undefined;
}

function schemaOf(headers: IncomingHttpHeaders): string | undefined {
  const header = headers['content-profile'];
  return header === undefined ? undefined : String(header).trim();
}

function nameIn(name: string, headers: IncomingHttpHeaders): string {
  return `${schemaOf(headers) ?? defaultSchema}.${name}`.slice(0, 200);
}

/** @throws {RestError} */
function assertSchema(targets: readonly ClientTarget[], schema: string): void {
  const schemas = new Set(
    targets.flatMap(({ name }) => (name.includes('.') ? [name.split('.', 1)[0]!] : [])),
  );
  if (schemas.has(schema)) return;
  throw new RestError('endpoint_not_found', {
    code: 'PGRST106',
    status: 406,
    message: `Invalid schema: ${schema.slice(0, 100)}`,
    hint: `Only the following schemas are exposed: ${[...schemas].join(', ') || 'none'}`,
  });
}
