// What operators mistype and attackers set: arguments and variables of every command. Nothing is started here.

import { CommanderError, type Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { createProgram, fileVariableOf, readSettings, settingsOf } from '@sluice/server/cli';
import { SluiceError } from 'sluice/internal/protocol';
import type { Rng } from '../chaos/rng.ts';
import { readSluice } from '../support/sluice.ts';
import { Campaign, casesOf, rngOf } from './campaign.ts';

const oddValues = [
  '', ' ', '-', '--', '-1', '0', '1', '1.5', '1e3', '0x10', '99999999999999999999', 'NaN', 'Infinity', 'x', 'null', 'true', 'on', 'ON', '=', ',', ',,', 'a,b', '\n', '\t', '\u00ff', '\u202e',
  '__proto__', 'constructor', '/nowhere', '/', '../..', 'http://', 'http://x y', 'https://x/y?z', 'postgres://', 'postgres://a:b@c/d', 'file:///etc/passwd', '%00', '$(id)', '`id`', "'", '"', '\\', 'x'.repeat(10_000), '1d', '500ms', 'keys,jwt', 'none',
]; // prettier-ignore

interface Called {
  command: Command;
  words: string[];
}

/** All commands, with what leads to them. */
function commandsOf(program: Command): Called[] {
  return program.commands.flatMap((command) =>
    command.commands.length === 0
      ? [{ command, words: [command.name()] }]
      : command.commands.map((part) => ({ command: part, words: [command.name(), part.name()] })),
  );
}

function oddArguments(rng: Rng, { command, words }: Called): string[] {
  const flags = command.options.map(({ long }) => long ?? '--json');
  const odd = (): string[] => {
    const flag = rng.pick([
      ...flags,
      '--nothing',
      '--',
      '-x',
      '--__proto__',
      '--constructor',
      '-',
      '--lanes',
    ]);
    const value = rng.pick(oddValues);
    return rng.pick([
      [flag],
      [flag, value],
      [`${flag}=${value}`],
      [value],
      [flag.slice(0, -1), value],
      [flag, flag],
    ]);
  };
  return [...words, ...Array.from({ length: rng.int(1, 4) }, odd).flat()];
}

describe('odd arguments and variables', () => {
  const campaign = new Campaign('arguments and variables');
  const { cases, timeoutMs } = casesOf(0.03);

  test(
    'odd arguments and variables are taken, or refused by a sentence that names them',
    { timeout: timeoutMs },
    async () => {
      for (let number = 0; number < cases; number++) {
        const rng = rngOf('arguments', number);
        const program = await createProgram();
        let said = '';
        const calls = commandsOf(program);
        for (const { command } of [
          { command: program },
          ...calls,
          ...program.commands.map((command) => ({ command })),
        ]) {
          command.configureOutput({ writeErr: (text) => (said += text), writeOut: () => undefined });
        }
        const called = rng.pick(calls);
        const { command } = called;
        const settings = settingsOf(command);
        const variables = Object.values(settings).flatMap((setting) => [
          ...(setting.variables ?? []),
          ...[fileVariableOf(setting) ?? []].flat(),
        ]);
        const environment: Record<string, string> =
          rng.chance(0.5) || variables.length === 0 ? {} : { [rng.pick(variables)]: rng.pick(oddValues) };
        // The settings are read as the command would, and that is all.
        command.action(() => void readSettings(settings, command.opts(), environment));
        const args = oddArguments(rng, called);
        try {
          await program.parseAsync(args, { from: 'user' });
          campaign.count(called.words.join(' '), 'accepted');
        } catch (error) {
          campaign.count(called.words.join(' '), 'refused');
          if (error instanceof CommanderError) {
            if (error.exitCode !== 0 && !/error: .*(option|argument|command)/s.test(said))
              campaign.fault(called.words.join(' '), number, said, args.join(' '));
            continue;
          }
          const isTold =
            error instanceof SluiceError &&
            error.code === 'configuration_invalid' &&
            (/^Cannot start: (--[\w-]+|[A-Z_]+|.* or [A-Z_]+) (is|names|holds) /.test(error.message) ||
              /^Cannot .* because .* \((--[\w-]+|[A-Z_]+)\)$/s.test(error.message));
          if (!isTold)
            campaign.fault(
              called.words.join(' '),
              number,
              String((error as Error).stack),
              JSON.stringify({ args, environment }).slice(0, 500),
            );
        }
      }
      expect(campaign.faults).toEqual([]);
    },
  );

  const processes = Math.min(24, Math.max(2, Math.ceil(cases / 60)));

  test('odd arguments and variables end a process in order', { timeout: timeoutMs }, async () => {
    const calls = commandsOf(await createProgram());
    for (let number = 0; number < processes; number++) {
      const { words } = calls[number % calls.length]!;
      const rng = rngOf('processes', number);
      const [args, settings] = rng.pick<[string[], Record<string, string>]>([
        [['--nothing'], {}],
        [['--database-url'], {}],
        [['--json', '--json=x'], {}],
        [
          [],
          {
            DATABASE_URL: 'x',
            SLUICE_LANES: 'x',
            SLUICE_NODES: 'x',
            SLUICE_PORT: 'x',
            SLUICE_DATA_DIR: '/dev/null/x',
          },
        ],
      ]);
      // Whatever it takes for sound, it finds no database and no port.
      const given = {
        DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
        SLUICE_PORT: 'x',
        SLUICE_MODEL: '/nowhere',
        SLUICE_LANES: 'x',
        ...settings,
      };
      const { code, stderr } = await readSluice([...words, ...args], given);
      campaign.count('processes', 'refused');
      if (code === 0 || code === null || /\n\s+at /.test(stderr) || stderr.trim() === '')
        campaign.fault('processes', number, `ended with ${code}: ${stderr}`, [...words, ...args].join(' '));
    }
    expect(campaign.faults).toEqual([]);
    expect(processes).toBeGreaterThan(0);
  });
});
