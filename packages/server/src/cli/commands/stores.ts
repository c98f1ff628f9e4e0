import { SluiceError } from 'sluice/internal/protocol';
import { Command } from 'commander';
import { databaseSettings, storesFile } from '../config/database-settings.ts';
import { redactUrl } from '../config/database-url.ts';
import { assertNoPassword } from '../config/assert-no-password.ts';
import { attentionExitCode } from '../operate/exit-codes.ts';
import { tableLines } from '../operate/text.ts';
import { complain, printJson, printLine } from '../process/output.ts';
import { checkEach } from '../stores/check-stores.ts';
import { editStores } from '../stores/edit-stores.ts';
import { hasWork } from '../stores/server-watch.ts';
import { assertNoClash, readEachStore, readStores } from '../stores/stores-file.ts';
import { createCommand } from './command.ts';
import { moveStoreCommand } from './move-store.ts';

const { databaseCa, databaseCert, databaseKey } = databaseSettings;
const settings = { stores: { ...storesFile, isRequired: true } };

const reload = 'Running nodes and writers read the file again by themselves.';

/** Keys of an entry that are flags of `add`, with the form of their values. */
const entryFlags = {
  databaseUrl: ['--database-url <url>', 'postgres:// URL of its database, without a password'],
  databaseUrlFile: ['--database-url-file <file>', 'file that holds the URL, relative to the stores file'],
  databaseUrlVariable: [
    '--database-url-variable <name>',
    'environment variable of each process that holds the URL',
  ],
  schema: ['--schema <name>', 'schema of the store in that database (default: sluice)'],
} as const;

const addStore = () =>
  createCommand({
    name: 'add',
    summary: 'add a store to the file',
    description: `Adds a store to the stores file, and creates the file if it does not exist. ${reload}`,
    settings,
    servesStores: true,
    extend(command) {
      command.argument(
        '<name>',
        'name of the store in paths: up to 40 lower-case letters, digits, hyphens and underscores',
      );
      for (const [flag, description] of Object.values(entryFlags)) command.option(flag, description);
      command.option('--hosts <names>', 'host names whose requests belong to the store, separated by commas');
    },
    async run({ stores: file }, flags, [name = '']) {
      const entry: Record<string, unknown> = {};
      for (const key of Object.keys(entryFlags)) if (flags[key] !== undefined) entry[key] = flags[key];
      if (typeof entry['databaseUrl'] === 'string') {
        assertNoPassword(
          entry['databaseUrl'],
          '--database-url',
          '--database-url-file or --database-url-variable',
        );
      }
      if (typeof flags['hosts'] === 'string') entry['hosts'] = flags['hosts'].split(',');
      await editStores(file ?? '', (entries) => {
        if (Object.hasOwn(entries, name))
          throw refusal(`Cannot add the store: the file already has a store of this name: ${name}`);
        const changed = { ...entries, [name]: entry };
        assertNoClash(changed, name, file ?? '');
        return changed;
      });
      const trouble = troubleHere(file ?? '');
      if (flags['json'] === true) return printJson({ added: name, ...(trouble === null ? {} : { trouble }) });
      printLine(`Added ${name}. ${reload}`);
      if (trouble !== null) printLine(`A process that starts here could not use the file. ${trouble}`);
    },
  });

/** Why a process with this environment could not use the file; null: it could. Other processes may have other variables. */
function troubleHere(file: string): string | null {
  try {
    readStores(file);
    return null;
  } catch (error) {
    if (error instanceof SluiceError) return error.message;
    throw error;
  }
}

const removeStore = () =>
  createCommand({
    name: 'remove',
    summary: 'remove a store from the file',
    description: `Removes a store from the stores file. Its database does not change. Warns if writes still wait there. ${reload}`,
    settings: { ...settings, databaseCa, databaseCert, databaseKey },
    servesStores: true,
    extend: (command) => command.argument('<name>', 'the store'),
    async run({ stores: file, databaseCa: ca, databaseCert: cert, databaseKey: key }, flags, [name = '']) {
      const store = readEachStore(file ?? '', { tls: { ca, cert, key } }).get(name);
      await editStores(file ?? '', (entries) => {
        if (!Object.hasOwn(entries, name))
          throw refusal(`Cannot remove the store: the file has no store of this name: ${name}`);
        const { [name]: _, ...others } = entries;
        return others;
      });
      // A store that cannot be used, or is lost, can be removed all the same.
      const isKnown = store !== undefined && !(store instanceof SluiceError);
      const writesWait = isKnown ? await hasWork(store).catch(() => null) : null;
      if (writesWait === true)
        complain(`Writes still wait in ${name}: no writer settles them until the file has the store again`);
      if (flags['json'] === true) return printJson({ removed: name, writesWait });
      printLine(`Removed ${name}. ${reload}`);
    },
  });

const listStores = () =>
  createCommand({
    name: 'list',
    summary: 'show the stores of the file',
    description:
      'Shows the stores of the file: names, databases without passwords, schemas and host names.\n\n' +
      'Exits with 0 if all entries can be used, with 5 if one cannot.',
    settings,
    servesStores: true,
    run({ stores: file }, flags) {
      const each = [...readEachStore(file ?? '')];
      const listed = each.flatMap(([, store]) => {
        if (store instanceof SluiceError) return [];
        const { name, url, schema, hosts, isMoving } = store;
        return [{ name, database: redactUrl(url), schema, hosts, isMoving }];
      });
      const unusable = each.flatMap(([name, store]) =>
        store instanceof SluiceError ? [{ store: name, says: store.message }] : [],
      );
      if (unusable.length > 0) process.exitCode = attentionExitCode;
      if (flags['json'] === true) printJson({ stores: listed, unusable });
      else if (each.length === 0) printLine('There are no stores');
      else {
        const rows = listed.map(({ name, database, schema, hosts, isMoving }) => [
          isMoving ? `${name} (moving)` : name,
          schema,
          database,
          hosts.join(', '),
        ]);
        if (rows.length > 0)
          for (const line of tableLines(['STORE', 'SCHEMA', 'DATABASE', 'HOSTS'], rows)) printLine(line);
        for (const { says } of unusable) printLine(says);
      }
      return Promise.resolve();
    },
  });

const checkStores = () =>
  createCommand({
    name: 'check',
    summary: 'connect to the stores, and show whether each is usable',
    description:
      'Connects to each store, or to the named one, and shows whether it answers and the version of its schema. A store is ' +
      'not usable if it is read-only, if it is being moved or a move has closed it, if its URLs lead to different databases, or if another store ' +
      'has the same database and schema.\n\n' +
      'Exits with 0 if all are usable, with 5 if one is not.',
    settings: { ...settings, databaseCa, databaseCert, databaseKey },
    servesStores: true,
    extend: (command) => command.argument('[name]', 'name of the store (default: all)'),
    async run({ stores: file, databaseCa: ca, databaseCert: cert, databaseKey: key }, flags, [name]) {
      const stores = readEachStore(file ?? '', { tls: { ca, cert, key } });
      if (name !== undefined && !stores.has(name))
        throw refusal(`Cannot check the store: the file has no store of this name: ${name}`);
      const all = await checkEach(stores, name);
      if (flags['json'] === true) printJson({ stores: all });
      else for (const { store, says } of all) printLine(`${store}: ${says}`);
      if (all.some(({ isReady }) => !isReady)) process.exitCode = attentionExitCode;
    },
  });

function refusal(sentence: string): SluiceError {
  return new SluiceError('configuration_invalid', sentence);
}

export const storesCommand = () => {
  const group = new Command('stores')
    .summary('list, check, add, move and remove data stores')
    .description(
      'The stores file lists the data stores of a deployment: for each a name, a database and a schema.',
    );
  const commands = [listStores(), checkStores(), addStore(), moveStoreCommand(), removeStore()];
  for (const command of commands) group.addCommand(command);
  return group;
};
