/** The load, the generated district and the command line itself, for programs that want what the commands do. */
export { createProgram } from './program.ts';
export { settingsOf } from './commands/command.ts';
export { operatorUrlOf } from './config/database-url.ts';
export { defineConfig, type SluiceConfig } from './config/define-config.ts';
export { readSettings, textOf, type Setting } from './config/setting.ts';
export { loggedFields } from './process/create-logger.ts';
export { load, type LoadReport } from './load/load.ts';
export type { LoadOptions } from './load/load-options.ts';
export type { LoadLine } from './load/load-line.ts';
export { findLoadFiles, readLoadLines } from './load/read-lines.ts';
export { shuffle } from './load/shuffle.ts';
export { sampleLines } from './dev/sample-lines.ts';
export { sampleModelFile } from './sample/district.ts';
