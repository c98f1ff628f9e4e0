export * from './ability.ts';
export * from './agreement.ts';
export { assertUrl, serverOf } from './connection-url.ts';
export * from './database.ts';
export { clockIntervalMs, DatabaseClock } from './database-clock.ts';
export * from './database-error.ts';
export { fenceStore, unfenceStore } from './fence-store.ts';
export { explainDatabaseError, explained } from './explain-database-error.ts';
export * from './listener.ts';
export { isPlaced } from './home.ts';
export { holderOf, holderText, type LockHolder, type LockWaitOptions } from './lock-wait.ts';
export * from './migrate.ts';
export * from './names.ts';
export { detectPooler } from './pooler.ts';
export * from './projection-agreement.ts';
export * from './queries.ts';
export { quotedName, quotedPath } from './quoted-name.ts';
export * from './roles.ts';
export {
  assertSchema,
  defaultSchema,
  listenerNameOf,
  lockKeysOf,
  nodeNameIn,
  sqlFor,
  writerNameIn,
} from './schema.ts';
export { readBodies, readBodyBytesMax } from './read-bodies.ts';
export * from './reconnect-delay.ts';
export { urlWithTls, type TlsFiles } from './tls.ts';
export { SessionPool, type PoolUsage, type SessionPoolOptions } from './session-pool.ts';
export { StoreCopy, type CopiedTable, type CopyProgress } from './store-copy.ts';
export { encodersIn, parametersOf, type Encoders } from './array-bytes.ts';
export { Session, type Row, type StatementResult } from './session.ts';
export { awaitedOf, type Statement } from './statement.ts';
export type { Backend } from './transaction-start.ts';
export { uninstall, type UninstallOptions, type UninstallPreview } from './uninstall.ts';
export * from './wakeup-hints.ts';
export { isTransactionPooled, type ConnectionOptions } from './connection.ts';
