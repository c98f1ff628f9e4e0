/** The data store of a request: by the first part of its path, else by its host, else by a claim of its token. */
import type { IncomingMessage } from 'node:http';
import { hostNameOf, type StoreRoute } from '#api';
import type { Stores } from './stores-file.ts';

export interface StoreOfOptions {
  stores: Stores;
  /** Prefix of every path. */
  basePath: string;
  /** Claim of a token that names the store. Null: tokens name none. */
  claim: string | null;
}

type AskedFor = Pick<IncomingMessage, 'url' | 'headers'>;

/** Null: the request names no store, or an unknown one. */
export function storeOf(request: AskedFor, { stores, basePath, claim }: StoreOfOptions): StoreRoute | null {
  const { headers } = request;
  const { url, host } = targetOf(request);
  if (!url.startsWith(`${basePath}/`)) return null;
  const path = url.slice(basePath.length);
  const [, first = ''] = /^\/([^/?]*)/.exec(path) ?? [];
  if (stores.has(first)) return { store: first, url };
  if (first === 'readyz') {
    const asked = new URLSearchParams(path.split('?')[1]).get('store') ?? '';
    return stores.has(asked) ? { store: asked, url: `${basePath}/${asked}/readyz` } : null;
  }
  if (['healthz', 'metrics'].includes(first)) return null;
  const name = ofHost(host, stores) ?? (claim === null ? null : ofToken(headers.authorization, claim));
  return name === null || !stores.has(name) ? null : { store: name, url: `${basePath}/${name}${path}` };
}

/** A target may be a whole URL, whose host then counts instead of the header (RFC 9112, 3.2.2). */
function targetOf({ url = '', headers: { host } }: AskedFor): { url: string; host: string | undefined } {
  const absolute = url.startsWith('/') ? null : /^https?:\/\/(?:[^/?@]*@)?([^/?]*)(.*)$/is.exec(url);
  if (absolute === null) return { url, host };
  const [, authority, path = ''] = absolute;
  return { url: path.startsWith('/') ? path : `/${path}`, host: authority };
}

function ofHost(host: string | undefined, stores: Stores): string | null {
  const name = hostNameOf(host ?? '');
  for (const store of stores.values()) if (store.hosts.includes(name)) return store.name;
  return null;
}

/** The token is only read here: the store checks it, and refuses a token for another store. */
function ofToken(authorization: string | undefined, claim: string): string | null {
  const [, payload] = /^Bearer +[\w-]+\.([\w-]+)\.[\w-]+ *$/i.exec(authorization ?? '') ?? [];
  if (payload === undefined) return null;
  try {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown> | null;
    // A list of several stores leaves the choice to the path.
    const [name, ...others] = [claims?.[claim]].flat();
    return typeof name === 'string' && others.length === 0 ? name : null;
  } catch {
    return null;
  }
}
