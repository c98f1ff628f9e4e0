/** Tables and functions as targets, as a program that embeds a node uses them. */
import { createClient, type Client } from 'sluice';
import type { BenchDocument } from '../workload/bench-model.ts';
import { counterName, rowTargets } from '../workload/rows.ts';
import type { Contender } from './contender.ts';
import { productSettings, type ProductOptions } from './product.ts';
import { expectRow } from './row-statements.ts';

export class RowProduct implements Contender {
  readonly #options: ProductOptions;
  #client: Client | null = null;
  #write: (document: BenchDocument) => Promise<unknown> = () => Promise.resolve();

  constructor(options: ProductOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const client = await createClient({
      connectionString: this.#options.url,
      targets: [...rowTargets],
      ...productSettings(this.#options),
    });
    this.#client = client;
    const table = client.table('orders');
    const counter = client.target('count_up');
    const isToleratingRefusals = { throwOnRefusal: false } as const;
    this.#write = async (document) => {
      const { row } = document;
      if (row === undefined) return counter.submit({ name: counterName });
      const answer = await table.insert(row, isToleratingRefusals);
      if (answer.result === 'created' || ('code' in answer && answer.code === 'row_exists'))
        return expectRow(document, answer.result === 'created');
      throw new Error(`Cannot store the row: ${'code' in answer ? answer.code : answer.result}`);
    };
  }

  async submit(document: BenchDocument): Promise<void> {
    await this.#write(document);
  }

  async stop(): Promise<void> {
    await this.#client?.stop();
  }
}
