/** What a client tells of itself: whether it can take writes, and how much of its pools and waits is in use. */
import type { Mode } from '#protocol';
import { reasonOf } from '#store';
import type { ClientParts } from './assemble-client.ts';
import type { ClientStatus } from './contract.ts';
import type { ClientUsage } from './observer.ts';

export async function readStatus(parts: ClientParts, mode: Mode, isStarted: boolean): Promise<ClientStatus> {
  const { readiness, intake, completion, waits } = parts;
  const [trouble, lanes] = await Promise.all([readiness.findTrouble(), intake?.status()]);
  return {
    mode,
    isStarted,
    isDatabaseReachable: trouble?.sqlState !== null,
    writesRefused: trouble === null ? null : reasonOf(trouble),
    isListening: completion.isListening,
    waiting: waits.writes,
    lanesWithoutLeader: lanes?.lanesWithoutLeader ?? [],
    lanesOverloaded: lanes?.lanesOverloaded ?? [],
  };
}

export function usageOf({ waits, completion, intake, database, path }: ClientParts): ClientUsage {
  return {
    waiting: waits.writes,
    isListening: completion.isListening,
    gathering: intake?.gathering ?? null,
    pools: { reads: database.usage, cancellations: waits.usage, ...path.pools },
  };
}
