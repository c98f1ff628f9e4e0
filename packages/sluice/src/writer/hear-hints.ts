/** The hints that the sessions of a writer share: which channels are heard, and which lanes each hint is about. */
import { unpackLanes, unpackProvided } from '#protocol';
import { channels, type Listener } from '#store';
import type { LaneSession } from './lane-session.ts';

export async function listenForHints(
  listener: Listener,
  lanes: number,
  sessions: readonly LaneSession[],
): Promise<void> {
  await listener.listen(channels.wakeup, (payload) => wake(payload, lanes, sessions));
  await listener.listen(channels.lanes, () => sessions.forEach((session) => session.heartbeatNow()));
  await listener.listen(channels.provided, (payload) => {
    if (payload === null) return;
    const provided = unpackProvided(payload, lanes);
    sessions.forEach((session) => session.provided(provided.ids, provided.lanes));
  });
}

/** Listens to the channels of the lanes that the sessions lead, and to no others. */
export function hearOfLanes(listener: Listener, lanes: number, sessions: readonly LaneSession[]): void {
  const led = (): number[] => sessions.flatMap((session) => session.lanes);
  listener.hear(led().map(channels.lane), (channel, payload) => {
    if (payload !== null) return wake(payload, lanes, sessions);
    // Hints may have come before the channel was heard, so these lanes are read now.
    const named = new Set(led().filter((lane) => channels.lane(lane) === channel));
    sessions.forEach((session) => session.wake(named));
  });
}

function wake(payload: string | null, lanes: number, sessions: readonly LaneSession[]): void {
  const named = payload === null ? null : unpackLanes(payload, lanes);
  sessions.forEach((session) => session.wake(named));
}
