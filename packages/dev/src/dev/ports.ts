/** The ports of the nodes: the requested first one, and the following ones. */
import { once } from 'node:events';
import { createServer } from 'node:net';
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
    const server = createServer();
    try {
      if (port > 65_535) throw new Error('beyond the last port');
      await once(server.listen(port, host), 'listening');
    } catch (cause) {
      throw new SluiceError(
        'configuration_invalid',
        `Cannot start: port ${port} is in use. Choose another first port with --port, or stop the program that uses it.`,
        { cause },
      );
    } finally {
      if (server.listening) await once(server.close(), 'close');
    }
  }
}
