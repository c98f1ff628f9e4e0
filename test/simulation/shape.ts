// What a seed deploys, who asks it, and what goes wrong.

import type { Mode, Spread } from 'sluice/internal/protocol';
import type { Rng } from '../chaos/rng.ts';

export type FaultName =
  | 'killWriter'
  | 'freezeWriter'
  | 'restartWriter'
  | 'killNode'
  | 'restartNode'
  | 'freezeNode'
  | 'terminate'
  | 'reset'
  | 'silence'
  | 'loseHints'
  | 'fillQueue'
  | 'lockRows'
  | 'crash';
const faultNames: readonly FaultName[] = [
  'killWriter',
  'freezeWriter',
  'restartWriter',
  'killNode',
  'restartNode',
  'freezeNode',
  'terminate',
  'reset',
  'silence',
  'loseHints',
  'fillQueue',
  'lockRows',
  'crash',
];

export interface Shape {
  lanes: number;
  modes: Mode[];
  writers: number;
  things: number;
  clients: number;
  operations: number;
  /** Writes that a client sends at once. */
  atOnce: number;
  /** All clients send at the same moments, once a second. */
  hasSurges: boolean;
  /** How long nodes await an outcome before they cancel its write. */
  waitMs: number;
  batchWritesMax: number;
  /** Of nodes in coordinated mode; 0: none of them has a fast path. */
  fastPathWritesMax: number;
  notifications: boolean;
  ownership: 'lock' | 'lease';
  /** Most deployments spread the lanes: several leaders meet more often. */
  spread: Spread;
  faults: FaultName[];
}

export function shapeOf(rng: Rng): Shape {
  // Everybody writes the same few documents at the same moments, past the intake and through it.
  const isCrowded = rng.chance(0.25);
  const isMixed = isCrowded || rng.chance(0.4);
  const atOnce = isCrowded ? 12 : rng.pick([1, 1, 4, 12]);
  return {
    lanes: rng.int(2, 5),
    modes: Array.from({ length: rng.int(isMixed ? 2 : 1, 3) }, () =>
      isMixed ? rng.pick<Mode>(['coordinated', 'local', 'local', 'direct']) : 'coordinated',
    ),
    writers: rng.int(1, 3),
    things: isCrowded ? rng.int(3, 5) : rng.int(3, 9),
    clients: rng.int(4, 10),
    operations: rng.int(5, 14) * (atOnce === 12 ? 2 : 1),
    atOnce,
    hasSurges: isCrowded || rng.chance(0.3),
    waitMs: rng.pick([80, 300, 1500, 6000, 6000]),
    batchWritesMax: rng.pick([3, 8, 512]),
    fastPathWritesMax: rng.pick([0, 0, 1, 4, 64]),
    notifications: rng.chance(0.85),
    ownership: rng.chance(0.3) ? 'lease' : 'lock',
    faults: rng.shuffle(faultNames).slice(0, rng.int(0, 5)),
    spread: rng.chance(0.6) ? 'even' : 'load',
  };
}
