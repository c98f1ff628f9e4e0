// The TCP proxy between the product and PostgreSQL, for the length of a test.

import { onTestFinished } from 'vitest';
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts';

export type Proxy = TcpProxy;

/** Starts a proxy in front of the server of `url`. */
export async function startProxy(url: string): Promise<Proxy> {
  const proxy = await openTcpProxy(url);
  onTestFinished(() => proxy.close());
  return proxy;
}
