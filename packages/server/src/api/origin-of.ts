/**
 * Where absolute URLs in answers begin. Behind a proxy that ends TLS, a request does not show the scheme of its client,
 * and headers that claim one could come from anybody.
 */
import type { FastifyRequest } from 'fastify';

export interface Origins {
  /** Scheme, host and port by which clients reach this node. @default those of each request */
  publicUrl?: string | undefined;
  /** Further host names of this node. URLs keep the name of their request, with the scheme of the public URL. @default none */
  hosts?: readonly string[];
}

/** Scheme, host and port for the URLs of one answer. */
export function originOf({ protocol, host }: FastifyRequest, { publicUrl, hosts = [] }: Origins): string {
  if (publicUrl === undefined) return `${protocol}://${host}`;
  return hosts.includes(hostNameOf(host)) ? `${new URL(publicUrl).protocol}//${host}` : publicUrl;
}

/** The name in a `Host`, without a port. A final dot means the same host. */
export function hostNameOf(host: string): string {
  return host.toLowerCase().replace(/\.?(?::\d*)?$/, '');
}
