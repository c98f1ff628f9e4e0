/** The command line's entry: parses, runs one command, and turns what it throws into a sentence and an exit code. */
import { CommanderError } from 'commander';
import { printJson, tolerateClosedOutput } from './process/output.ts';
import { reportError } from './process/report-error.ts';
import { createProgramFor } from './program.ts';

/** What a shell expects of a command that was called wrongly; the error table has it for settings as well. */
const usageExitCode = 2;

/** Runs one command, and ends the process. */
export async function main(args: readonly string[]): Promise<void> {
  // pg deprecates the way in which pg-listen subscribes again. The warning does not help readers of the log.
  process.noDeprecation = true;
  tolerateClosedOutput();
  const exitCode = await run(args);
  // Output may still be on its way into a pipe; whatever else is open then is of no use to anybody.
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
    // Commander has said it on standard error.
    const message = error.message.replace(/^error: /, '');
    if (isJson) printJson({ error: { code: 'configuration_invalid', message } });
    return usageExitCode;
  }
}
