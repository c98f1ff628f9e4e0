/**
 * A queue on PostgreSQL, used to submit a write, to work on it and to await its result. Each document is written by
 * the best statement for a single document, and all rows of a batch of jobs by one statement. Everything runs in the
 * process of the clients, which saves a peer all communication between processes. The libraries are in a workspace of
 * their own, so that the product needs none.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SluiceError } from 'sluice/internal/protocol';
import { describe, type BenchDocument, type DescribedDocument } from '../workload/bench-model.ts';
import { Batched } from './batched.ts';
import type { Contender, ContenderOptions } from './contender.ts';
import { OneStatement } from './one-statement.ts';
import { isOfRows, type PeerName } from '../names.ts';

interface PeerLibrary {
  open(options: {
    url: string;
    poolMax: number;
    isTuned: boolean;
    store: (document: DescribedDocument | BenchDocument) => Promise<void>;
  }): Promise<OpenPeer>;
}

interface OpenPeer {
  submit(document: DescribedDocument | BenchDocument): Promise<void>;
  stop(): Promise<void>;
}

const folder = new URL('../../peers/', import.meta.url);

/** @throws {SluiceError} `configuration_invalid` */
export function requirePeers(): void {
  if (existsSync(new URL('node_modules', folder))) return;
  throw new SluiceError(
    'configuration_invalid',
    `Cannot measure peers: they are not installed: npm ci --prefix ${fileURLToPath(folder)} --workspaces=false`,
  );
}

export class Peer implements Contender {
  readonly #name: PeerName;
  readonly #options: ContenderOptions;
  readonly #rows: Batched | null;
  readonly #documents: OneStatement;
  #peer: OpenPeer | null = null;

  constructor(name: PeerName, options: ContenderOptions) {
    this.#name = name;
    this.#options = options;
    this.#rows = isOfRows(options.workload) ? new Batched(options) : null;
    this.#documents = new OneStatement(options);
  }

  async start(): Promise<void> {
    await (this.#rows ?? this.#documents).start();
    const file = `${this.#name.replace(/-tuned$/, '')}.mjs`;
    const library = (await import(new URL(file, folder).href)) as PeerLibrary;
    const { url, poolMax } = this.#options;
    this.#peer = await library.open({
      url,
      poolMax,
      isTuned: this.#name.endsWith('-tuned'),
      store: (document) => this.#store(document),
    });
  }

  async submit(document: BenchDocument): Promise<void> {
    const { model, lanes } = this.#options;
    // In the form of a job's data.
    const { endpoint, row, isDuplicate = false } = document;
    const job =
      row === undefined ? describe(model, document, lanes) : { endpoint, body: '', row, isDuplicate };
    await this.#peer?.submit(job);
  }

  #store(document: DescribedDocument | BenchDocument): Promise<void> {
    return 'endpoint' in document
      ? (this.#rows ?? this.#documents).submit(document)
      : this.#documents.store(document);
  }

  async stop(): Promise<void> {
    await this.#peer?.stop();
    await (this.#rows ?? this.#documents).stop();
  }
}
