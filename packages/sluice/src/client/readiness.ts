/** Whether the database lets this node do what its mode requires: checked at the start, and for later questions. */
import type { Mode, OnOverload } from '#protocol';
import {
  assertAbility,
  DatabaseError,
  readAbility,
  requireRights,
  Session,
  type Database,
  type Duty,
} from '#store';

interface ReadinessOptions {
  mode: Mode;
  onOverload: OnOverload;
  database: Database;
  /** The error of the last write. */
  troubleOf: () => DatabaseError | null;
}

export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #duties: readonly Duty[];

  constructor(options: ReadinessOptions) {
    this.#options = options;
    const { mode, onOverload } = options;
    if (mode !== 'coordinated') this.#duties = ['settle'];
    else this.#duties = onOverload === 'bypass' ? ['submit', 'settle'] : ['submit'];
  }

  /** @throws {SluiceError} `configuration_invalid` if the role of the URL lacks a right */
  async requireRights(): Promise<void> {
    const { mode, database } = this.#options;
    const isOutside = mode !== 'coordinated';
    const settles = this.#duties.includes('settle');
    await requireRights((...query) => database.run(...query), this.#duties, {
      work: isOutside ? ` in ${mode} mode` : settles ? ' with --on-overload bypass' : ' the node',
      advice: settles
        ? `use the role of writers (sluice_writer), or ${isOutside ? '--mode coordinated' : '--on-overload refuse'}`
        : 'use the role of nodes (sluice_api), and run `sluice roles` after an upgrade',
    });
  }

  /** The reason why the database takes no writes of this node, from the last write or a new check; null: it takes them. */
  async findTrouble(): Promise<DatabaseError | null> {
    const { database, troubleOf } = this.#options;
    try {
      const { isReadOnly, missing } = await readAbility((...query) => database.run(...query), this.#duties);
      if (missing.length > 0) return new DatabaseError({ sqlState: '42501', message: 'a right is missing' });
      // A session keeps the setting that it started with, so only a new one shows the present setting.
      if (isReadOnly) await this.#tryNewSession();
      return troubleOf();
    } catch (error) {
      if (error instanceof DatabaseError) return error;
      throw error;
    }
  }

  async #tryNewSession(): Promise<void> {
    const session = await Session.open(this.#options.database.options);
    try {
      await assertAbility((...query) => session.run(...query), this.#duties);
    } finally {
      await session.close();
    }
  }
}
