import { isClientName, isScope, scopeForm, SluiceError } from 'sluice/internal/protocol';
import { Command } from 'commander';
import * as z from 'zod';
import type { DatabaseValues } from '../config/database-url.ts';
import { setting } from '../config/setting.ts';
import { databaseSettings } from '../config/database-settings.ts';
import { listOf, wholeNumber } from '../config/setting-forms.ts';
import { keyStoreIn, type KeyStore, type ListedKey } from '../keys/key-store.ts';
import { withDatabase } from '../operate/with-database.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';

const client = setting<string>({
  flags: '--client <name>',
  variables: ['SLUICE_KEY_CLIENT'],
  description: 'name of the client that uses the key; all keys with one name are one client',
  form: 'a name of 1 to 255 printable ASCII characters',
  schema: z.string().refine(isClientName),
  isRequired: true,
});

const scopes = setting<string[]>({
  flags: '--scopes <scopes>',
  variables: ['SLUICE_KEY_SCOPES'],
  description: `scopes of the key: ${scopeForm}; separated by commas`,
  form: `a list of ${scopeForm}`,
  schema: listOf(z.string().refine(isScope)),
  isRequired: true,
});

const days = setting<number | undefined>({
  flags: '--days <number>',
  variables: ['SLUICE_KEY_DAYS'],
  description: 'validity in days',
  defaultText: 'until the key is revoked',
  form: 'a whole number from 1 to 3650',
  schema: wholeNumber(1, 3650),
});

const afterHours = setting<number>({
  flags: '--after-hours <number>',
  variables: ['SLUICE_KEY_AFTER_HOURS'],
  description: 'hours for which the key stays valid while clients change to its successor; 0 revokes it now',
  form: 'a whole number from 0 to 8760',
  schema: wholeNumber(0, 8760),
  fallback: 0,
});

const createKey = () =>
  createCommand({
    name: 'create',
    summary: 'create a key',
    description:
      'Creates a key and shows it once: the database has only its hash. To replace a key, create another for the same client, give it ' +
      'to the client, and revoke the old one, immediately or with --after-hours.',
    settings: { ...databaseSettings, client, scopes, days },
    async run(values, flags) {
      const created = await withKeys(values, (keys) =>
        keys.create({ client: values.client, scopes: values.scopes, days: values.days ?? null }),
      );
      if (flags['json'] === true) return printJson(created);
      printLine(created.key);
    },
  });

const listKeys = () =>
  createCommand({
    name: 'list',
    summary: 'show the keys without their secrets',
    description: 'Shows all keys: their prefixes, clients, scopes and ends of validity.',
    settings: databaseSettings,
    async run(values, flags) {
      const listed = await withKeys(values, (keys) => keys.list());
      if (flags['json'] === true) return printJson(listed);
      for (const key of listed) printLine(describeKey(key));
      if (listed.length === 0) printLine('There are no keys');
    },
  });

const revokeKey = () =>
  createCommand({
    name: 'revoke',
    summary: 'revoke a key',
    description: 'Revokes a key. Nodes refuse it within 3 seconds.',
    settings: { ...databaseSettings, afterHours },
    extend: (command) =>
      command.argument('<prefix>', 'the twelve digits after sluice_, as `sluice keys list` shows them'),
    async run(values, flags, [prefix = '']) {
      const revoked = await withKeys(values, (keys) => keys.revoke(prefix, values.afterHours));
      if (revoked === null) {
        throw new SluiceError(
          'configuration_invalid',
          // Shows only a part, in case the whole key was given by mistake.
          `Cannot revoke: no valid key has this prefix: ${prefix.slice(0, 12)}`,
        );
      }
      if (flags['json'] === true) return printJson({ prefix, ...revoked });
      printLine(
        revoked.revokedAt === null
          ? `The key ${prefix} of ${revoked.client} holds until ${revoked.expiresAt}`
          : `The key ${prefix} of ${revoked.client} is revoked`,
      );
    },
  });

export const keysCommand = () => {
  const group = new Command('keys')
    .summary('create, list and revoke API keys')
    .description('API keys of clients, for nodes that run with --auth keys.');
  for (const command of [createKey(), listKeys(), revokeKey()]) group.addCommand(command);
  return group;
};

function withKeys<T>(values: DatabaseValues, work: (keys: KeyStore) => Promise<T>): Promise<T> {
  return withDatabase(values, (database) => work(keyStoreIn(database)), { applicationName: 'sluice keys' });
}

function describeKey({ prefix, client, scopes, expiresAt, revokedAt, isValid }: ListedKey): string {
  const end = revokedAt !== null ? `revoked ${revokedAt}` : expiresAt === null ? '' : `until ${expiresAt}`;
  return [prefix, isValid ? 'valid' : 'ended', client, scopes.join(','), end].join('  ').trimEnd();
}
