/** Checks that sessions keep their state, and that notifications arrive. */
import { createListener, defaultSchema, query, Session, type ConnectionOptions, type Database } from '#store';
import { v4 as uuidv4 } from 'uuid';
import { ill, well, type Finding } from './finding.ts';

export interface ConnectionLimits {
  /** URL that writers and listeners connect to. @default the database's URL */
  listenUrl?: string;
  /** Longest wait for a notification, in milliseconds. */
  notificationMs: number;
}

export async function checkConnection(database: Database, limits: ConnectionLimits): Promise<Finding[]> {
  const { schema = defaultSchema } = database.options;
  const connection = { url: limits.listenUrl ?? database.url, schema, applicationName: 'sluice doctor' };
  const pooler = await checkPooler(connection);
  return [pooler, await checkNotifications(database, connection, limits.notificationMs)];
}

/** A pooler in transaction mode gives a session another backend once another client uses the first one. */
async function checkPooler(connection: ConnectionOptions): Promise<Finding> {
  const sessions: Session[] = [];
  const open = async (): Promise<Session> => {
    const session = await Session.open(connection);
    sessions.push(session);
    return session;
  };
  try {
    const session = await open();
    const before = await backendOf(session);
    const other = await open();
    await other.flight([{ name: 'begin' }]);
    await backendOf(other);
    const after = await backendOf(session);
    await other.flight([{ name: 'rollback' }]);
    if (before === after) return well('pooler', 'A session keeps its backend');
    return ill(
      'pooler',
      'fault',
      'A pooler in transaction mode is between this program and the server: sessions keep neither locks nor LISTEN',
      'Let writers use a direct URL, or lead by --ownership lease; give nodes a direct one as --listen-url (SLUICE_LISTEN_URL)',
    );
  } finally {
    await Promise.all(sessions.map((session) => session.close()));
  }
}

/** Without a statement name, because poolers may lose prepared statements, too. */
async function backendOf(session: Session): Promise<number> {
  const [row] = await session.query(query('readBackend').text);
  return row?.['pid'] as number;
}

async function checkNotifications(
  database: Database,
  connection: ConnectionOptions & { schema: string },
  timeoutMs: number,
): Promise<Finding> {
  const channel = `doctor_${uuidv4().slice(-12)}`;
  const listener = createListener({ ...connection, notifications: true });
  const started = performance.now();
  let timer: NodeJS.Timeout | undefined;
  try {
    const arrived = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, timeoutMs, false);
      // Null comes when the listener starts to listen; only a sent notification counts.
      const listening = listener.listen(channel, (payload) => payload !== null && resolve(true));
      listening.then(
        () => database.run('notifyDoctor', [channel]).catch(() => resolve(false)),
        () => resolve(false),
      );
    });
    if (await arrived)
      return well(
        'notifications',
        `A notification came back after ${Math.round(performance.now() - started)} ms`,
      );
    return ill(
      'notifications',
      'warning',
      `No notification came back within ${timeoutMs} ms: nodes and writers poll instead`,
      'Give a direct URL as --listen-url, or accept polling with --notifications off',
    );
  } finally {
    clearTimeout(timer);
    await listener.close();
  }
}
