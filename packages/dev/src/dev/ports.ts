/** The ports of the nodes: the requested first one, and the following ones. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { listenAt, ownOptions } from '@sluice/server/cli';
import { SluiceError } from 'sluice/internal/protocol';

/** With 0 every node takes a free port of its own. */
export function portsOf(first: number, nodes: number): number[] {
  return Array.from({ length: nodes }, (_, index) => (first === 0 ? 0 : first + index));
}

/**
 * Checks before anything is started, because a taken port would show only after PostgreSQL has started.
 * @throws {SluiceError} `configuration_invalid`
 */
export async function assertPortsFree(ports: readonly number[], host: string): Promise<void> {
  for (const port of ports) {
    if (port > 65_535)
      throw new SluiceError(
        'configuration_invalid',
        `Cannot start: there is no port ${port}: choose a smaller first one with --port`,
      );
    const server = createServer();
    await listenAt({ host, port }, ownOptions, () => once(server.listen(port, host), 'listening'));
    await once(server.close(), 'close');
  }
}
