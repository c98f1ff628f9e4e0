/** Whether the database lets this node do what its mode asks for: required at the start, and answered to later questions. */
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

export interface ReadinessOptions {
  mode: Mode;
  onOverload: OnOverload;
  database: Database;
  /** What the last write has met. */
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

  /** What keeps the database from taking writes of this node: as the last one met it, or as one would now. */
  async findTrouble(): Promise<DatabaseError | null> {
    const { database, troubleOf } = this.#options;
    try {
      const { isReadOnly, missing } = await readAbility((...query) => database.run(...query), this.#duties);
      if (missing.length > 0) return new DatabaseError({ sqlState: '42501', message: 'a right is missing' });
      // A session keeps the setting that it began with: only a new one tells how it is now.
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
