/** Drains a writer: it gives up its lanes, takes no more, and ends. */
import { SluiceError } from '#protocol';
import type { Database } from '#store';
import type { WriterStatus } from './contract.ts';
import { checkActor } from './check-action.ts';
import { listWriters } from './list-writers.ts';

/**
 * Requests the drain; the writer reads it at its next heartbeat.
 * @param name Its id, the beginning of its id, or `host/process id`.
 * @throws {SluiceError} `invalid_request` if no running writer has this name, or several have it
 */
export async function drainWriter(database: Database, name: string, actor: string): Promise<WriterStatus> {
  checkActor(actor);
  const living = (await listWriters(database)).filter(({ state }) => state !== 'gone' && state !== 'stopped');
  const named = living.filter(
    ({ writerId, host, processId }) =>
      name === `${host}/${processId}` || (name.length >= 4 && writerId.startsWith(name.toLowerCase())),
  );
  const [writer, other] = named;
  if (writer === undefined || other !== undefined) {
    throw new SluiceError(
      'invalid_request',
      `Cannot drain: ${writer === undefined ? 'no' : 'more than one'} running writer has this name: ${name}`,
    );
  }
  await database.run('requestDrain', [writer.writerId, actor]);
  return { ...writer, state: 'draining' };
}
