import { SluiceError } from 'sluice/internal/protocol';
import { databaseSettings, storesFile } from '../config/database-settings.ts';
import { assertNoPassword } from '../config/assert-no-password.ts';
import type { Values } from '../config/setting.ts';
import { durationWithDefault } from '../config/setting-forms.ts';
import { tellLockWait } from './lock-wait-flag.ts';
import { counted } from '../operate/text.ts';
import { complain, printJson, printLine } from '../process/output.ts';
import { ProgressLine } from '../process/progress-line.ts';
import { awaitStopRequest } from '../process/stop-request.ts';
import { giveBack } from '../stores/give-back.ts';
import { moveStore } from '../stores/move-store.ts';
import type { StoreEntry } from '../stores/store-entry.ts';
import { assertNoClash, readEachStore, readEntries, storesOf } from '../stores/stores-file.ts';
import { createCommand } from './command.ts';

const { databaseCa, databaseCert, databaseKey } = databaseSettings;

const wait = durationWithDefault(
  '--wait <duration>',
  'longest wait for nodes to finish their requests; after it, the move is given up',
  '60s',
);

const fileDelay = durationWithDefault(
  '--file-delay <duration>',
  'time in which every node has read a changed stores file',
  '2s',
);

/** The new place of the store, by the key of the file. */
const toFlags = {
  databaseUrl: ['--to <url>', 'postgres:// URL of the new database, without a password'],
  databaseUrlFile: ['--to-file <file>', 'file that contains that URL, relative to the stores file'],
  databaseUrlVariable: [
    '--to-variable <name>',
    'environment variable that contains that URL, set for each process',
  ],
} as const;
const flagOf = { databaseUrl: 'to', databaseUrlFile: 'toFile', databaseUrlVariable: 'toVariable' } as const;

const settings = {
  stores: { ...storesFile, isRequired: true },
  databaseCa,
  databaseCert,
  databaseKey,
  wait,
  fileDelay,
};

export const moveStoreCommand = () =>
  createCommand({
    name: 'move',
    summary: 'move a store to another database, while clients write',
    description:
      'Moves a store to another, empty database and changes the stores file. Nodes hold requests of the store back meanwhile: ' +
      'clients wait for up to a minute, and see no error. Writers settle the waiting writes. Then the command copies all rows ' +
      'in one transaction, compares them, and runs the deep checks of `sluice doctor` on the copy. The source stays, closed to ' +
      'writes. Any failure before the end, or Ctrl-C, opens the source again.\n\n' +
      'Needs the role that owns the tables, in both databases.',
    settings,
    servesStores: true,
    extend(command) {
      command.argument('<name>', 'the store');
      for (const [flag, description] of Object.values(toFlags)) command.option(flag, description);
      command.option('--abort', 'open the source again after a killed move');
    },
    run,
  });

async function run(
  { stores, databaseCa: ca, databaseCert: cert, databaseKey: key, wait, fileDelay }: Values<typeof settings>,
  flags: Readonly<Record<string, unknown>>,
  [name = '']: readonly string[],
): Promise<void> {
  const file = stores ?? '';
  const tls = { ca, cert, key };
  // Entries of other stores may have variables that are not set here.
  const from = readEachStore(file, { tls }).get(name);
  if (from instanceof SluiceError) throw from;
  if (from === undefined) throw refusal(`the file has none of this name: ${name}`);
  const isJson = flags['json'] === true;
  const { onWait } = tellLockWait(undefined, isJson);
  if (flags['abort'] === true) {
    await giveBack(file, from, { isAlone: true, onWait });
    if (isJson) return printJson({ store: name, isMoved: false });
    return printLine(`${name} stays where it was, and is open`);
  }
  const entries = readEntries(file);
  const entryAfter = (known: StoreEntry): StoreEntry => entryOf(known, flags);
  const moved = { [name]: entryAfter(entries[name] ?? {}) };
  const to = storesOf(moved, file, { tls }).get(name)!;
  assertNoClash({ ...entries, ...moved }, name, file);
  if (to.server === from.server && to.database === from.database) throw refusal('it is there already');
  const stop = awaitStopRequest();
  const line = new ProgressLine();
  const { tables, heldMs, isNotedAtSource } = await moveStore({
    file,
    from,
    to,
    entryAfter,
    waitMs: wait * 1000,
    fileReadMs: fileDelay * 1000,
    signal: stop.signal,
    onWait(holders) {
      line.clear();
      onWait?.(holders);
    },
    onStep(step) {
      line.clear();
      if (!isJson) printLine(`${name}: ${step}`);
    },
    onProgress: ({ table, done, tables: count, bytes }) =>
      line.show(() => `${name}: table ${done + 1} of ${count}, ${table}: ${Math.round(bytes / 1e5) / 10} MB`),
  }).finally(() => line.clear());
  const rows = tables.reduce((sum, each) => sum + each.rows, 0);
  if (!isNotedAtSource)
    complain(
      `${name}: could not note at the source that the store has moved: do not use --abort with an old copy of the stores file`,
    );
  if (isJson) return printJson({ store: name, isMoved: true, rows, heldMs, isNotedAtSource, tables });
  printLine(
    `${name}: moved ${counted(rows, 'row')}; its requests were held back for ${(heldMs / 1000).toFixed(1)} s`,
  );
  printLine(
    'Nodes and writers read the file by themselves; take it to machines that have a copy of their own.',
  );
}

function entryOf(known: StoreEntry, flags: Readonly<Record<string, unknown>>): StoreEntry {
  const entry: Record<string, unknown> = { ...known };
  const others = Object.keys(known).filter((key) => /^(listen|operator)Url/.test(key));
  if (others.length > 0)
    throw refusal(
      `its ${others.join(' and ')} would lead to the old server: remove it from the file, and add it after the move`,
    );
  delete entry['moving'];
  for (const key of Object.keys(toFlags)) delete entry[key];
  for (const [key, flag] of Object.entries(flagOf)) if (flags[flag] !== undefined) entry[key] = flags[flag];
  const url = entry['databaseUrl'];
  if (typeof url === 'string') assertNoPassword(url, '--to', '--to-file or --to-variable');
  if (!Object.keys(toFlags).some((key) => entry[key] !== undefined))
    throw refusal('--to, --to-file or --to-variable has to say where it goes');
  return entry;
}

function refusal(reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot move the store: ${reason}`);
}
