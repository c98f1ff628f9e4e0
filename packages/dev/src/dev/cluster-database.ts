/** The embedded PostgreSQL of a cluster, and the key that its nodes take. */
import { startEmbeddedPostgres, type EmbeddedPostgres } from '#embedded';
import { openKeyStore } from '@sluice/server/cli';
import { SluiceError } from 'sluice/internal/protocol';

export async function startPostgres(
  dataDir: string,
  onEvent: (sentence: string) => void,
): Promise<EmbeddedPostgres> {
  try {
    return await startEmbeddedPostgres({ dataDir, onLog: onEvent });
  } catch (cause) {
    const { message } = cause as Error;
    if (!message.includes('is in use by process')) throw cause;
    throw new SluiceError(
      'configuration_invalid',
      `${message}. Another \`sluice dev\` seems to run there: stop it, or choose another --data-dir`,
      { cause },
    );
  }
}

/** A key for the load, and for a developer who tries the nodes. It is valid for a day. */
export async function createToken(place: { url: string; schema: string }): Promise<string> {
  const keys = openKeyStore(place);
  try {
    const scopes = ['read:*', 'write:*', 'operate', 'bodies'];
    return (await keys.create({ client: 'dev', scopes, days: 1 })).key;
  } finally {
    await keys.close();
  }
}
