/** The product as a node embeds it, in one of its modes. */
import { createClient, type SluiceClient } from '@sluice/client';
import { isApplied, type Mode } from '@sluice/protocol';
import { resourceOf, type BenchDocument } from '../workload/bench-model.ts';
import type { Contender, ContenderOptions } from './contender.ts';

export class Product implements Contender {
  readonly #client: SluiceClient;

  constructor({ url, model, lanes, poolMax }: ContenderOptions, mode: Mode) {
    this.#client = createClient({
      url,
      model,
      mode,
      lanes,
      waitingWritesMax: 1_000_000,
      ...(mode === 'direct' ? { sessionsMax: poolMax } : {}),
    });
  }

  start(): Promise<void> {
    return this.#client.start();
  }

  async submit({ endpoint, body }: BenchDocument): Promise<void> {
    const resource = resourceOf(this.#client.model, endpoint);
    const outcome = await this.#client.submit({ operation: 'upsert', resource, body });
    if (!isApplied(outcome.result)) throw new Error(`Cannot store the document: ${outcome.code}`);
  }

  stop(): Promise<void> {
    return this.#client.stop();
  }
}
