/** Sluice as a node embeds it, in one of its modes. */
import { createClient, type SluiceClient } from 'sluice/internal/client';
import { isApplied } from 'sluice/internal/protocol';
import { hasFastPath, isOfRows, type ContenderName } from '../names.ts';
import { resourceOf, type BenchDocument } from '../workload/bench-model.ts';
import { rowTargets } from '../workload/rows.ts';
import type { Contender, ContenderOptions } from './contender.ts';

export interface ProductOptions extends ContenderOptions {
  contender: ContenderName;
}

/** A client like that of an API node. */
export function createProductClient(options: ProductOptions): SluiceClient {
  const { url, model, workload } = options;
  return createClient({
    url,
    ...(isOfRows(workload) ? { targets: rowTargets } : { model }),
    ...productSettings(options),
  });
}

/** The settings of a client by the name of its contender. */
export function productSettings({ lanes, poolMax, contender }: ProductOptions) {
  const mode = contender === 'direct' || contender === 'local' ? contender : 'coordinated';
  return {
    mode,
    lanes,
    waitingWritesMax: 1_000_000,
    ...(mode === 'direct' ? { sessionsMax: poolMax } : {}),
    ...(hasFastPath(contender) ? { fastPathWritesMax: 512 } : {}),
  } as const;
}

export class Product implements Contender {
  readonly #client: SluiceClient;

  constructor(options: ProductOptions) {
    this.#client = createProductClient(options);
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
