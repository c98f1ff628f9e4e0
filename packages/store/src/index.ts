export * from './agreement.ts';
export * from './database.ts';
export * from './database-error.ts';
export * from './listener.ts';
export * from './migrate.ts';
export * from './names.ts';
export * from './queries.ts';
export { Session, type Row, type Statement, type StatementResult } from './session.ts';
export type { ConnectionOptions } from './connection.ts';
