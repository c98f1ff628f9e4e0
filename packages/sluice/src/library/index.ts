/** What a program embeds: `import { createClient, migrate } from 'sluice'`. */
export { createClient, type CreateClientOptions, type DocumentSchemas } from './client.ts';
export type {
  Client,
  DocumentTypes,
  Refusal,
  SchemaIssue,
  Queryable,
  StandardSchema,
  SubmitOptions,
  Submitted,
  SubmittedWrite,
  WriteOptions,
  Written,
} from './contract.ts';
export { SluiceError, type ErrorCode, type OutcomeCode, type OutcomeDetail, type Result } from '#protocol';
export { applyRoles, migrate, type MigrateOptions, type MigrateResult } from '#store';
