/** Server-sent events for one viewer: the changes since the last event. A slow viewer gets fewer events, each with the latest state. */
import { Readable } from 'node:stream';
import type { LiveFeed, LiveState } from './live-feed.ts';
import type { LiveEvents } from './page/messages.ts';

/** After this time the viewer connects again, and so is authenticated again. */
const streamMs = 60_000;

export function eventStream(feed: LiveFeed): Readable {
  return Readable.from(events(feed), { objectMode: false, highWaterMark: 1 });
}

async function* events(feed: LiveFeed): AsyncGenerator<string> {
  const end = performance.now() + streamMs;
  const sent = new Sent();
  for await (const state of feed.watch()) {
    yield sent.tell(state);
    if (performance.now() > end) return;
  }
}

class Sent {
  readonly #lanes = new Map<number, string>();
  readonly #minutes = new Map<string, string>();
  #writers = '';

  tell({ lanes, minutes, writers, read, failure }: LiveState): string {
    const changedLanes = changedIn(this.#lanes, lanes);
    const changedMinutes = changedIn(this.#minutes, minutes);
    let text = '';
    if (changedLanes.length > 0)
      text += event('lanes', `{"count":${lanes.size},"lanes":[${changedLanes.join()}]}`);
    if (writers !== this.#writers) text += event('writers', `{"writers":${writers}}`);
    if (changedMinutes.length > 0) text += event('activity', `{"minutes":[${changedMinutes.join()}]}`);
    this.#writers = writers;
    return (
      text +
      (failure === null
        ? event('read', JSON.stringify(read))
        : event('failed', JSON.stringify({ message: failure })))
    );
  }
}

function changedIn<K>(sent: Map<K, string>, now: ReadonlyMap<K, string>): string[] {
  const changed: string[] = [];
  for (const [key, text] of now) {
    if (sent.get(key) === text) continue;
    sent.set(key, text);
    changed.push(text);
  }
  return changed;
}

function event(name: keyof LiveEvents, data: string): string {
  return `event: ${name}\ndata: ${data}\n\n`;
}
