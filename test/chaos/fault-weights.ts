// The kinds of faults, and how often each comes: weights in a bag that is drawn empty before it is filled again, so that
// every kind comes.

/** How often each comes, in a bag of them. */
const usual = {
  killWriter: 10,
  killNode: 3,
  freezeWriter: 3,
  killBackend: 1,
  terminateBackend: 4,
  killPostgres: 1,
  restartPostgresImmediate: 1,
  restartPostgresFast: 1,
  resetConnections: 2,
  silentListener: 2,
  silentSessions: 1,
  latency: 1,
  commitLost: 3,
  commitAnswerLost: 3,
  hintFlood: 1,
  readOnly: 1,
  lockDocuments: 1,
};

export type FaultKind = keyof typeof usual;

export type FaultWeights = Readonly<Partial<Record<FaultKind, number>>>;

export const faultProfiles = {
  usual,
  /** Five kills of a writer to one end of the server and one freeze; everything else now and then. */
  kills: {
    ...usual,
    killWriter: 40,
    freezeWriter: 8,
    killNode: 1,
    killPostgres: 3,
    restartPostgresImmediate: 3,
    restartPostgresFast: 2,
    terminateBackend: 1,
    resetConnections: 1,
    silentListener: 1,
    commitLost: 1,
    commitAnswerLost: 1,
  },
} as const satisfies Record<string, FaultWeights>;

export type FaultProfile = keyof typeof faultProfiles;

/** Other names than a profile's and a fault's own. */
const shorthands: Readonly<Record<string, readonly FaultKind[]>> = {
  restart: ['killPostgres', 'restartPostgresImmediate', 'restartPostgresFast'],
};

/**
 * @param text `killWriter=6,freezeWriter=2,restart=1`: these kinds and no others; `restart` is each way in which the
 * server ends.
 * @throws {Error} with a sentence
 */
export function parseWeights(text: string): FaultWeights {
  const weights: Partial<Record<FaultKind, number>> = {};
  for (const part of text.split(',')) {
    const [name = '', value = ''] = part.split('=');
    const kinds = Object.hasOwn(usual, name)
      ? [name as FaultKind]
      : Object.hasOwn(shorthands, name)
        ? shorthands[name]
        : undefined;
    if (kinds === undefined) throw new Error(`Cannot weigh the faults: this is none of them: ${name}`);
    if (!/^\d{1,3}$/.test(value))
      throw new Error(`Cannot weigh the faults: this is not a whole number below 1000: ${part}`);
    for (const kind of kinds) weights[kind] = Number(value);
  }
  if (Object.values(weights).every((weight) => weight === 0))
    throw new Error(`Cannot weigh the faults: none is left: ${text}`);
  return weights;
}
