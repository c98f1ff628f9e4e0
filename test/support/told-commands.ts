// The command lines of `sluice` in a text, and whether the command line takes them.

import { createProgram } from '@sluice/server/cli';

export const program = await createProgram();

/** Arguments of each command line of `sluice` in a text of a shell, up to what the shell would read itself. */
export function toldCommands(code: string): string[][] {
  const lines = code.replaceAll(/\\\n\s*/g, ' ').split(/\n|&&|;/);
  return lines.flatMap((line) => {
    const [, words] = /^(?:[\s$(]|\w+=(?:'[^']*'|\S*)\s|npx )*sluice +([a-z][^|#)&>]*)/.exec(line) ?? [];
    // Words in brackets are optional. The command is parsed with them.
    return words === undefined ? [] : [words.replaceAll(/[[\]]/g, '').trim().split(/\s+/)];
  });
}

/** The command of these arguments, with its options read. @throws an error that names what the command does not take */
export function parseCommand(args: readonly string[]): typeof program {
  let command = program;
  let rest = [...args];
  for (;;) {
    const next = command.commands.find((each) => each.name() === rest[0]);
    if (next === undefined) break;
    command = next;
    rest = rest.slice(1);
  }
  if (command.parent === null) throw new Error(`Cannot run what is no command: ${args.join(' ')}`);
  forgetOptions(command);
  const { unknown } = command.parseOptions(rest.filter((word) => word !== '--help'));
  if (unknown.length > 0) throw new Error(`Cannot run \`${args.join(' ')}\`: it does not take ${unknown[0]}`);
  return command;
}

const parsed = new WeakSet<typeof program>();

/** Test files may share this program, so the options of an earlier command line are removed. */
function forgetOptions(command: typeof program): void {
  if (parsed.has(command)) return command.restoreStateBeforeParse();
  command.saveStateBeforeParse();
  parsed.add(command);
}
