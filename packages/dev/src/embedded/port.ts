// The server's TCP port on 127.0.0.1: the requested one, or one that stays the same from start to start if possible.

import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';

/** @param wanted The required port; 0: the port in `portFile` if it is free, else any free one. */
export async function choosePort(wanted: number, portFile: string): Promise<number> {
  if (wanted !== 0) {
    if ((await tryPort(wanted)) === undefined) throw portTaken(wanted);
    return wanted;
  }
  const remembered = Number(await readFile(portFile, 'utf8').catch(() => '0'));
  const port = (await tryPort(remembered)) ?? (await tryPort(0));
  if (port === undefined) throw new Error('Cannot start PostgreSQL: no port is free: 127.0.0.1');
  await writeFile(portFile, `${port}\n`);
  return port;
}

export function portTaken(port: number): Error {
  return new Error(`Cannot start PostgreSQL: port ${port} is in use`);
}

async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return undefined;
  }
  const chosen = (server.address() as AddressInfo).port;
  await once(server.close(), 'close');
  return chosen;
}
