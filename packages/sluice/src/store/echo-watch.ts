/**
 * Finds out that hints do not arrive. A listener that has heard nothing for some time sends an echo, a notification to all
 * listeners. Its statement tells that the connection lives, and its return that notifications arrive, which they do not
 * behind a pooler in transaction mode or when the queue is full. A listener that hears the echo of another sends none:
 * PostgreSQL wakes every listener for every notification, so echoes of each to itself would cost the square of their number.
 */

/** How long a listener hears nothing before it sends an echo. */
const silenceMs = 500;

export interface EchoWatchOptions {
  isConnected: () => boolean;
  /** Sends an echo on the connection. */
  send: () => Promise<unknown>;
  /** Notifications may have been missed: they have ceased to arrive, or begun again. */
  onMissing: () => void;
  /** The connection did not take the statement: it is lost. */
  onLost: () => void;
}

export class EchoWatch {
  readonly #options: EchoWatchOptions;
  #timer: NodeJS.Timeout | null = null;
  /** No notification came since an echo was sent. */
  isMissing = false;
  #isAwaited = false;
  #isUnderWay = false;
  /** Anything, since the last look. */
  #hasHeard = false;

  constructor(options: EchoWatchOptions) {
    this.#options = options;
  }

  start(): void {
    // Each at a pace of its own, so that those started together do not send theirs together.
    this.#timer = setInterval(() => this.#look(), silenceMs * (0.8 + 0.4 * Math.random()));
    // It keeps no process alive.
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** A new connection has missed nothing yet. */
  renew(): void {
    this.#hasHeard = false;
    this.#isAwaited = false;
    this.isMissing = false;
  }

  /** A notification has arrived. */
  heard(): void {
    this.#hasHeard = true;
    this.#isAwaited = false;
    if (!this.isMissing) return;
    this.isMissing = false;
    this.#options.onMissing();
  }

  #look(): void {
    if (this.#isUnderWay || !this.#options.isConnected()) return;
    if (this.#isAwaited) this.#miss();
    else if (this.#hasHeard) return void (this.#hasHeard = false);
    this.#isUnderWay = true;
    this.#options
      .send()
      .then(
        // The server has sent it by now, or will not.
        () => (this.#isAwaited = !this.#hasHeard),
        (error: unknown) => {
          const { severity } = error as { severity?: unknown };
          // What the server refuses (its notification queue is full) it refuses on a connection that lives.
          if (severity === undefined) this.#options.onLost();
          else this.#miss();
        },
      )
      .finally(() => (this.#isUnderWay = false));
  }

  #miss(): void {
    const wasMissing = this.isMissing;
    this.isMissing = true;
    if (!wasMissing) this.#options.onMissing();
  }
}
