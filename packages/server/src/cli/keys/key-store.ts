/** API keys in the database. */
import type { StoredKey } from '#api';
import { Database } from 'sluice/internal/store';
import type { DatabasePlace } from '../config/database-url.ts';
import { actor } from '../process/actor.ts';

export interface CreatedKey {
  /** The key itself, which is not stored. */
  key: string;
  prefix: string;
  client: string;
  scopes: string[];
  expiresAt: string | null;
}

export interface ListedKey {
  prefix: string;
  client: string;
  scopes: string[];
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  isValid: boolean;
}

export interface KeyStore {
  /** Reads the valid keys. */
  read(): Promise<StoredKey[]>;
  list(): Promise<ListedKey[]>;
  create(wanted: { client: string; scopes: string[]; days: number | null }): Promise<CreatedKey>;
  /** Null: no valid key has this prefix. */
  revoke(
    prefix: string,
    inHours: number,
  ): Promise<Pick<ListedKey, 'client' | 'expiresAt' | 'revokedAt'> | null>;
}

/** A key store with a connection of its own. */
export function openKeyStore(place: DatabasePlace): KeyStore & { close(): Promise<void> } {
  const database = new Database({
    ...place,
    applicationName: 'sluice keys',
    connectionsMax: 1,
    looksForPooler: true,
  });
  return { ...keyStoreIn(database), close: () => database.close() };
}

export function keyStoreIn(database: Database): KeyStore {
  return {
    async read() {
      return (await database.run('readApiKeys')).map((row) => ({
        prefix: row['prefix'] as string,
        hash: row['hash'] as Buffer,
        client: row['client'] as string,
        scopes: row['scopes'] as string[],
        secondsLeft: row['seconds_left'] as number | null,
      }));
    },
    async list() {
      return (await database.run('listApiKeys')).map((row) => ({
        prefix: row['prefix'] as string,
        client: row['client'] as string,
        scopes: row['scopes'] as string[],
        createdAt: row['created_at'] as string,
        expiresAt: row['expires_at'] as string | null,
        revokedAt: row['revoked_at'] as string | null,
        isValid: row['is_valid'] as boolean,
      }));
    },
    async create({ client, scopes, days }) {
      const { createApiKey } = await import('#api');
      const { text, prefix, hash } = createApiKey();
      const [row] = await database.run('createApiKey', [
        prefix,
        hash.toString('hex'),
        client,
        scopes,
        days,
        actor(),
      ]);
      return { key: text, prefix, client, scopes, expiresAt: row?.['expires_at'] as string | null };
    },
    async revoke(prefix, inHours) {
      const [row] = await database.run('revokeApiKey', [prefix, inHours, actor()]);
      if (row === undefined) return null;
      return {
        client: row['client'] as string,
        expiresAt: row['expires_at'] as string | null,
        revokedAt: row['revoked_at'] as string | null,
      };
    },
  };
}
