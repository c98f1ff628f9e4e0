/**
 * Hints to writers about new writes: one for each channel, so that PostgreSQL does not notify writers that lead none
 * of the lanes. In the form of statement values: channels, and their payloads.
 */
import { packLanes } from '#protocol';
import { channels } from './names.ts';

type WakeupHints = [channels: string[], payloads: string[]];

export const noWakeup: WakeupHints = [[], []];
/** Any lane may have new writes. */
export const wakeupOfAll: WakeupHints = [[channels.wakeup], ['']];

export function wakeupsOf(lanes: Iterable<number>): WakeupHints {
  const byChannel = new Map<string, number[]>();
  for (const lane of new Set(lanes)) {
    const channel = channels.lane(lane);
    const sharing = byChannel.get(channel);
    if (sharing === undefined) byChannel.set(channel, [lane]);
    else sharing.push(lane);
  }
  return [[...byChannel.keys()], [...byChannel.values()].map(packLanes)];
}
