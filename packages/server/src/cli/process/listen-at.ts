import { SluiceError } from 'sluice/internal/protocol';

export interface Address {
  host: string;
  port: number;
}

/** The options for the address of a process. */
export const ownOptions = { host: '--host', port: '--port' };

/**
 * Listens; if the address cannot be used, names the options that set it.
 * @throws {SluiceError} `configuration_invalid`
 */
export async function listenAt<T>(
  { host, port }: Address,
  options: Record<keyof Address, string>,
  listen: () => Promise<T>,
): Promise<T> {
  try {
    return await listen();
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException;
    if (syscall !== 'listen' && syscall !== 'getaddrinfo') throw cause;
    const reason =
      code === 'EADDRINUSE'
        ? `port ${port} is in use: choose another one with ${options.port}`
        : `the address ${host}:${port} cannot be used (${code}): choose another one with ${options.host} or ${options.port}`;
    throw new SluiceError('configuration_invalid', `Cannot start: ${reason}`, { cause });
  }
}
