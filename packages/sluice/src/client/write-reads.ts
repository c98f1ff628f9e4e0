/** What a node shows its clients of their writes. */
import { describeDocument, type Model } from '#model';
import { isId, SluiceError } from '#protocol';
import { outcomeOf } from '#batch';
import { readBodies, type Row } from '#store';
import type { Run } from './client-reads.ts';
import { writesAskedMax } from './contract.ts';
import type { AwaitedState, WriteState } from './contract.ts';

export class WriteReads {
  readonly #model: Model;
  readonly #run: Run;

  constructor(model: Model, run: Run) {
    this.#model = model;
    this.#run = run;
  }

  async readWrites(client: string, writeIds: readonly string[]): Promise<WriteState[]> {
    if (writeIds.length > writesAskedMax) {
      throw new SluiceError('invalid_request', `Cannot ask for more than ${writesAskedMax} writes at once`);
    }
    const ids = writeIds.filter(isId);
    const states = (await this.#run('readWriteStates', [ids, client])).map(writeStateOf);
    const refer = states.filter(({ awaits }) => awaits.some(({ kind }) => kind === 'reference'));
    await this.#nameAwaited(refer);
    return states;
  }

  /** Names each awaited reference from the bodies of the writes. Writes that were just settled have no body any more. */
  async #nameAwaited(states: readonly WriteState[]): Promise<void> {
    const asked = new Map(states.map((state) => [state.writeId, state]));
    for await (const [writeId, body] of readBodies(this.#run, [...asked.keys()])) {
      const { resource, awaits } = asked.get(writeId) as WriteState;
      const described = this.#model.findEndpoint(resource);
      if (described === undefined) continue;
      const { references } = describeDocument(described, JSON.parse(body) as unknown);
      const known = new Map(references.map((reference) => [reference.referentialId, reference]));
      for (const awaited of awaits) {
        const reference = known.get(awaited.awaitedId);
        if (reference === undefined) continue;
        awaited.resource = reference.resource;
        awaited.path = reference.path;
      }
    }
  }
}

function writeStateOf(row: Row): WriteState {
  const state = row['state'] as WriteState['state'];
  return {
    writeId: row['write_id'] as string,
    state,
    resource: row['resource'] as string,
    outcome: state === 'settled' ? outcomeOf(row) : null,
    awaits: ((row['awaits'] ?? []) as AwaitedState[]).map((awaited) => ({
      ...awaited,
      since: new Date(awaited.since).toISOString(),
    })),
    acceptedAt: row['accepted_at'] as string | null,
    blockedAt: row['blocked_at'] as string | null,
    settledAt: row['settled_at'] as string | null,
  };
}
