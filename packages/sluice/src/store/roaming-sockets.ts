/** Sockets that connect to the current server, because pg-listen keeps its first configuration. */
import { Socket } from 'node:net';
import { hostsOf, type Hosts } from './hosts.ts';
import { addressOf } from './tls.ts';

class RoamingSocket extends Socket {
  readonly #hosts: Hosts;
  /** The server at the other end accepts LISTEN. */
  isProven = false;
  /** Name of the server that was chosen here. */
  hostname: string | null = null;

  constructor(hosts: Hosts) {
    super();
    this.#hosts = hosts;
  }

  override connect(...args: unknown[]): this {
    if (this.#hosts.count === 1 && this.#hosts.isPlaced === false)
      return (super.connect as (...all: unknown[]) => this)(...args);
    const url = this.#hosts.current;
    this.once('close', () => {
      if (!this.isProven) this.#hosts.leave(url);
    });
    const { host = 'localhost', port = 5432 } = addressOf(url);
    this.hostname = host;
    if (host.startsWith('/')) return super.connect(`${host}/.s.PGSQL.${port}`);
    return super.connect(port, host);
  }
}

/** The sockets of one listener that are open or being opened. */
export class RoamingSockets {
  readonly #hosts: Hosts;
  readonly #unwatch: () => void;
  readonly #open = new Set<RoamingSocket>();

  constructor(url: string, schema: string) {
    this.#hosts = hostsOf(url, schema);
    // The previous home has no more hints.
    this.#unwatch = this.#hosts.watch(() => this.destroy());
  }

  add(): RoamingSocket {
    const socket = new RoamingSocket(this.#hosts);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  }

  prove(): void {
    for (const socket of this.#open) socket.isProven = true;
  }

  /** Lets the sockets be when the home changes. */
  close(): void {
    this.#unwatch();
  }

  destroy(): void {
    for (const socket of this.#open) socket.destroy();
  }
}
