/**
 * Finds out whether hints arrive. A listener that has heard nothing for some time sends an echo: a notification to
 * all listeners. The answer of its statement shows that the connection lives, and the return of the echo that
 * notifications arrive. They do not behind a pooler in transaction mode, or with a full queue. A listener that hears
 * the echo of another sends none. PostgreSQL wakes every listener for every notification, so echoes of all to
 * themselves would cost the square of their number.
 */

/** Silence after which a listener sends an echo, in milliseconds. */
const silenceMs = 500;

interface EchoWatchOptions {
  isConnected: () => boolean;
  /** Sends an echo on the connection. */
  send: () => Promise<unknown>;
  /** Notifications may be lost: they have stopped, or started again. */
  onMissing: () => void;
  /** The connection did not take the statement, so it is lost. */
  onLost: () => void;
}

export class EchoWatch {
  readonly #options: EchoWatchOptions;
  #timer: NodeJS.Timeout | null = null;
  /** No notification has come since an echo was sent. */
  isMissing = false;
  #isAwaited = false;
  #isUnderWay = false;
  /** A notification has come since the last check. */
  #hasHeard = false;

  constructor(options: EchoWatchOptions) {
    this.#options = options;
  }

  start(): void {
    // Intervals are random, so that listeners that started together do not send echoes together.
    this.#timer = setInterval(() => this.#look(), silenceMs * (0.8 + 0.4 * Math.random()));
    // The timer keeps no process alive.
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Starts over for a new connection. */
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
        // The server has sent the echo by now, or will not.
        () => (this.#isAwaited = !this.#hasHeard),
        (error: unknown) => {
          const { severity } = error as { severity?: unknown };
          // A refusal by the server, e.g. for a full notification queue, shows that the connection lives.
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
