/** The exports for a program that embeds Sluice: `import { createClient, migrate } from 'sluice'`. */
export type { CreateClientOptions, DocumentSchemas } from './client-options.ts';
export { createClient } from './client.ts';
export type {
  Client,
  DocumentTypes,
  Refusal,
  SchemaIssue,
  Queryable,
  StandardSchema,
  SubmitOptions,
  SubmitRowOptions,
  Submitted,
  SubmittedWrite,
  Written,
} from './contract.ts';
export type { WriteOptions } from './write-options.ts';
export {
  defineConfig,
  type ApiConfig,
  type DashboardConfig,
  type SluiceConfig,
  type WriterConfig,
} from './config.ts';
export type {
  Called,
  CallTarget,
  NewRowOptions,
  RowAnswer,
  RowOptions,
  RowRefusal,
  RowWritten,
  SubmittedCall,
  SubmittedRow,
  Table,
  UpsertRowOptions,
} from './row-contract.ts';
export type { FunctionDefinition, TableDefinition, TargetDefinition } from '#targets';
export {
  SluiceError,
  type ErrorCode,
  type OutcomeCode,
  type ParsedDetail as OutcomeDetail,
  type Result,
} from '#protocol';
export {
  applyRoles,
  doctor,
  migrate,
  openDatabase,
  status,
  type ApplyRolesOptions,
  type DoctorOptions,
  type MigrateOptions,
  type OpenDatabaseOptions,
  type StatusOptions,
} from './operate.ts';
export type { Diagnosis, Finding, LaneStatus, Status, StuckCounts, Verdict } from '#operator';
export type { Database, MigrateResult } from '#store';
