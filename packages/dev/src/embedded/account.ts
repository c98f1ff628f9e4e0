// The system account of PostgreSQL. The server refuses to run as root, so root starts it as `postgres`; other users
// start it as themselves.

import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname, parse } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Account {
  uid: number;
  gid: number;
}

const NAME = 'postgres';

/** The account for the server; undefined: the present one. Creates the account if root lacks it. */
export async function findAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  try {
    return await readAccount();
  } catch {
    await run('useradd', ['--system', '--user-group', '--no-create-home', NAME]).catch((cause: unknown) => {
      throw new Error(`Cannot start PostgreSQL as root: there is no user to run it as: ${NAME}`, { cause });
    });
    return await readAccount();
  }
}

async function readAccount(): Promise<Account> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, NAME])).stdout)),
  );
  return { uid: uid!, gid: gid! };
}

/** Fails, with the name of the folder, unless the account may enter `folder` and all folders above it. */
export async function assertReachable(folder: string, account: Account): Promise<void> {
  for (let above = folder; ; above = dirname(above)) {
    const { mode, uid, gid } = await stat(above);
    const mayEnter = uid === account.uid ? mode & 0o100 : gid === account.gid ? mode & 0o010 : mode & 0o001;
    if (!mayEnter) {
      throw new Error(
        `Cannot start PostgreSQL: its user "${NAME}" may not enter the folder ${above}: ${folder}. ` +
          `Choose a folder elsewhere, allow it with "chmod o+x ${above}", or do not run as root.`,
      );
    }
    if (above === parse(above).root) return;
  }
}
