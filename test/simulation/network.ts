// Connections between processes and the server: messages take their time and keep their order; a connection may be reset,
// or go silent while both ends believe in it. The server outlives seeds only as `network.server`.

import { DatabaseError } from 'sluice/internal/store';
import { clock, type SimulatedProcess } from './clock.ts';
import type { Reply, Server, ServerSession } from './server.ts';

export function connectionLoss(message = 'connection failed'): DatabaseError {
  return new DatabaseError({ sqlState: null, message });
}

interface Pending {
  resolve: (reply: Reply) => void;
  reject: (error: DatabaseError) => void;
}

const hopMs = (): number => 0.05 + clock.rng.next() * (clock.rng.chance(0.03) ? 15 : 0.4);

export class Connection {
  readonly process: SimulatedProcess | null;
  readonly network: Network;
  isClosed = false;
  isSilent = false;
  onClosed: () => void = () => undefined;
  onNote: (channel: string, payload: string) => void = () => undefined;
  session: ServerSession | null = null;
  readonly #pending = new Set<Pending>();
  #lastSent = 0;
  #lastReceived = 0;

  constructor(network: Network) {
    this.network = network;
    this.process = clock.process;
  }

  get pid(): number {
    return this.session?.pid ?? 0;
  }

  async open(settings: Readonly<Record<string, string>>): Promise<void> {
    await this.#travel(3);
    this.session = this.network.server.open(settings, {
      process: this.process,
      onClosed: () => this.#arrive(() => this.#lose()),
      onNote: (channel, payload) => this.#arrive(() => this.onNote(channel, payload)),
    });
    await this.#travel(1);
    if (this.session === null) throw connectionLoss();
    if (this.session.isClosed) throw connectionLoss();
    this.network.connections.add(this);
  }

  #travel(hops: number): Promise<void> {
    return new Promise((resolve) => {
      clock.after(hopMs() * hops, resolve, this.process);
    });
  }

  send(name: string, values: readonly unknown[], answerTimeoutMs: number): Promise<Reply> {
    if (this.isClosed) return Promise.reject(connectionLoss());
    return new Promise((resolve, reject) => {
      const limit = clock.after(
        answerTimeoutMs,
        () => settle(() => reject(connectionLoss('no answer'))),
        this.process,
      );
      const pending: Pending = {
        resolve: (reply) => settle(() => resolve(reply)),
        reject: (error) => settle(() => reject(error)),
      };
      const settle = (how: () => void): void => {
        limit.isCancelled = true;
        this.#pending.delete(pending);
        how();
      };
      this.#pending.add(pending);
      this.#sendOn(() =>
        this.session?.receive({
          name,
          values,
          answer: (reply) =>
            this.#arrive(() => (reply instanceof Error ? pending.reject(reply) : pending.resolve(reply))),
        }),
      );
    });
  }

  #sendOn(deliver: () => void): void {
    this.#lastSent = Math.max(this.#lastSent, clock.now + hopMs());
    clock.after(this.#lastSent - clock.now, () => {
      if (!this.isSilent) deliver();
    });
  }

  #arrive(deliver: () => void): void {
    this.#lastReceived = Math.max(this.#lastReceived, clock.now + hopMs());
    clock.after(
      this.#lastReceived - clock.now,
      () => {
        if (!this.isSilent && !this.isClosed) deliver();
      },
      this.process,
    );
  }

  #lose(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.network.connections.delete(this);
    for (const pending of this.#pending) pending.reject(connectionLoss());
    this.onClosed();
  }

  /** By the client, in order or not. */
  close(): void {
    if (this.isClosed) return;
    this.#sendOn(() => this.session?.hangUp());
    this.#lose();
  }

  /** Both ends are told. */
  reset(): void {
    if (this.isClosed) return;
    clock.after(hopMs(), () => this.session?.hangUp());
    clock.after(hopMs(), () => this.#lose(), this.process);
  }

  /** The process is gone: its kernel says so. */
  abandon(): void {
    this.isClosed = true;
    this.network.connections.delete(this);
    if (!this.isSilent) clock.after(hopMs(), () => this.session?.hangUp());
  }
}

export class Network {
  readonly server: Server;
  readonly connections = new Set<Connection>();

  constructor(server: Server) {
    this.server = server;
  }

  of(process: SimulatedProcess): Connection[] {
    return [...this.connections].filter((connection) => connection.process === process);
  }
}

let current: Network | null = null;

/** The network of the seed that runs. */
export const network = {
  begin(server: Server): Network {
    return (current = new Network(server));
  },
  get now(): Network {
    if (current === null) throw new Error('Cannot connect before the seed has begun');
    return current;
  },
};
