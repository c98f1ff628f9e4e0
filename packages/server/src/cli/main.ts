/** The entry of the command line: parses, runs one command, and turns an error into a sentence and an exit code. */
import { CommanderError } from 'commander';
import { printJson, tolerateClosedOutput } from './process/output.ts';
import { reportError } from './process/report-error.ts';
import { createProgramFor } from './program.ts';

/** The usual exit code for wrong usage; the error table has the same for settings. */
const usageExitCode = 2;

/** Runs one command, and ends the process. */
export async function main(args: readonly string[]): Promise<void> {
  // pg deprecates a call of pg-listen. The warning does not help readers of the log.
  process.noDeprecation = true;
  tolerateClosedOutput();
  const exitCode = await run(args);
  // Output may still be on its way into a pipe; nothing else is awaited.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
}

async function run(args: readonly string[]): Promise<number> {
  try {
    const program = await createProgramFor(args);
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    const isJson = args.includes('--json');
    if (!(error instanceof CommanderError)) return reportError(error, isJson);
    if (error.exitCode === 0) return 0;
    // Commander has already printed it on standard error.
    const message = error.message.replace(/^error: /, '');
    if (isJson) printJson({ error: { code: 'configuration_invalid', message } });
    return usageExitCode;
  }
}
