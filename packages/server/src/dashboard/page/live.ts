/**
 * The present state, assembled from the live stream. It is read with `fetch`, because an EventSource cannot send the
 * key. It pauses on request and while the page is hidden, and restarts when it breaks.
 */
import type { ActivityMinute, WriterStatus } from 'sluice/operator';
import type { LaneView, LiveEvents } from './messages.ts';
import { ask, Refusal } from './server.ts';

export interface LiveView {
  lanes: readonly LaneView[];
  writers: readonly WriterStatus[];
  /** The last hour, oldest first. */
  minutes: readonly ActivityMinute[];
  read: LiveEvents['read'];
}

export type LiveStatus = 'connecting' | 'live' | 'paused' | 'failed';

type LiveEvent = { [K in keyof LiveEvents]: { name: K; data: LiveEvents[K] } }[keyof LiveEvents];

const hourMinutes = 60;
const retryMs = { first: 500, longest: 10_000 };

export class Live {
  readonly #lanes = new Map<number, LaneView>();
  readonly #minutes = new Map<string, ActivityMinute>();
  #writers: readonly WriterStatus[] = [];
  #read: LiveEvents['read'] | null = null;
  #abort: AbortController | null = null;
  #isPaused = false;
  #onChange: () => void = () => undefined;
  #onRefused: (refusal: Refusal) => void = () => undefined;

  status: LiveStatus = 'connecting';
  /** Why the stream has failed. */
  message = '';

  /** Null until everything was received once. */
  get view(): LiveView | null {
    if (this.#read === null) return null;
    const lanes = [...this.#lanes.values()].sort((a, b) => a.lane - b.lane);
    const minutes = [...this.#minutes.values()].sort((a, b) => (a.minute < b.minute ? -1 : 1));
    return { lanes, writers: this.#writers, minutes, read: this.#read };
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** @param onRefused Called when the server no longer accepts the key. */
  start(onChange: () => void, onRefused: (refusal: Refusal) => void): void {
    this.#onChange = onChange;
    this.#onRefused = onRefused;
    document.addEventListener('visibilitychange', () => this.#follow());
    this.#follow();
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#follow();
  }

  #follow(): void {
    const isWanted = !this.#isPaused && document.visibilityState === 'visible';
    if (isWanted === (this.#abort !== null)) return;
    this.#abort?.abort();
    this.#abort = null;
    if (isWanted) {
      this.#abort = new AbortController();
      this.#tell('connecting');
      void this.#run(this.#abort.signal);
    } else this.#tell('paused');
  }

  #tell(status: LiveStatus, message = ''): void {
    this.status = status;
    this.message = message;
    this.#onChange();
  }

  async #run(signal: AbortSignal): Promise<void> {
    let waitMs = retryMs.first;
    while (!signal.aborted) {
      try {
        const response = await ask('live', { signal });
        for await (const { name, data } of eventsOf(response)) {
          if (signal.aborted) return;
          this.#take({ name, data: JSON.parse(data) } as LiveEvent);
          waitMs = retryMs.first;
        }
        // Streams end after a while, so that the server authenticates the visitor again.
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refusal && (error.status === 401 || error.status === 403)) {
          this.#abort = null;
          this.#onRefused(error);
          return;
        }
        this.#tell('failed', error instanceof Refusal ? error.message : 'The connection is lost.');
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      waitMs = Math.min(2 * waitMs, retryMs.longest);
    }
  }

  #take(told: LiveEvent): void {
    switch (told.name) {
      case 'lanes':
        for (const lane of told.data.lanes) this.#lanes.set(lane.lane, lane);
        break;
      case 'writers':
        this.#writers = told.data.writers;
        break;
      case 'activity':
        for (const minute of told.data.minutes) this.#minutes.set(minute.minute, minute);
        for (const name of [...this.#minutes.keys()].sort().slice(0, -hourMinutes))
          this.#minutes.delete(name);
        break;
      case 'read':
        this.#read = told.data;
        this.#tell('live');
        break;
      case 'failed':
        this.#tell('failed', told.data.message);
    }
  }
}

/** The events of a stream, in the format of the HTML standard. */
async function* eventsOf(response: Response): AsyncGenerator<{ name: string; data: string }> {
  let text = '';
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map(
        text
          .slice(0, end)
          .split('\n')
          .map((line): [string, string] => {
            const colon = line.indexOf(': ');
            return [line.slice(0, colon), line.slice(colon + 2)];
          }),
      );
      text = text.slice(end + 2);
      yield { name: fields.get('event') ?? '', data: fields.get('data') ?? 'null' };
    }
  }
}
