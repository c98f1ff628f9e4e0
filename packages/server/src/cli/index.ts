/** The command line, and parts for commands of other packages: settings, output, the load. */
export { createProgram } from './program.ts';
export { createCommand, settingsOf } from './commands/command.ts';
export { addShuffle, readsShuffle } from './commands/shuffle-flag.ts';
export { hasPassword } from './config/assert-no-password.ts';
export * from './config/database-settings.ts';
export { noConfigFile } from './config/config-file.ts';
export {
  operatorUrlOf,
  deploymentText,
  redactUrl,
  requireDatabaseUrl,
  urlWithoutPassword,
} from './config/database-url.ts';
export { readModelFiles } from './config/read-model-files.ts';
export * from './config/setting.ts';
export * from './config/setting-forms.ts';
export * from './config/settings.ts';
export { openKeyStore } from './keys/key-store.ts';
export * from './load/describe-tally.ts';
export { Draw } from './load/draw.ts';
export { load, type LoadReport } from './load/load.ts';
export type { LoadOptions } from './load/load-options.ts';
export type { LoadLine } from './load/load-line.ts';
export type { LoadFailure, LoadRefusal } from './load/load-record.ts';
export * from './load/read-lines.ts';
export { shuffle } from './load/shuffle.ts';
export { loggedFields } from './process/create-logger.ts';
export { listenAt, ownOptions } from './process/listen-at.ts';
export * from './process/output.ts';
export { ProgressLine } from './process/progress-line.ts';
export { awaitStopRequest, finishWithin } from './process/stop-request.ts';
