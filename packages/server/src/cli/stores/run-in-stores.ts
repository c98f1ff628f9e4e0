/** Runs an operator command in one store of the stores file, or in all of them, with limited concurrency. */
import { SluiceError } from 'sluice/internal/protocol';
import type { DatabaseValues } from '../config/database-url.ts';
import { stoppedExitCode } from '../operate/exit-codes.ts';
import { inStore, printJson, printLine } from '../process/output.ts';
import { reportError } from '../process/report-error.ts';
import { inSeries } from '../process/stop-request.ts';
import { readEachStore, type Store } from './stores-file.ts';

export interface StoreChoice {
  /** Value of `--store`. */
  store: string | undefined;
  /** Value of `--all-stores`. */
  isAll: boolean;
  isJson: boolean;
  /** Stores in which the command runs concurrently. A command that sets its exit code runs in one. */
  atOnce: number;
}

/** @throws {SluiceError} `configuration_invalid` for contradicting flags, or a command that would never end */
export function assertChoice(
  { store, isAll }: Pick<StoreChoice, 'store' | 'isAll'>,
  flags: Readonly<Record<string, unknown>>,
): void {
  const refuse = (flag: string): never => {
    throw new SluiceError('configuration_invalid', `Cannot use ${flag} and --all-stores together`);
  };
  if (isAll && store !== undefined) refuse('--store');
  if (isAll && flags['watch'] === true) refuse('--watch');
}

/**
 * An entry that cannot be used here keeps no command from the other stores: its variable may be set for other processes.
 * @throws {SluiceError} `configuration_invalid` if the choice names no store, or one that cannot be used
 */
export async function runInStores<V extends DatabaseValues & { stores?: string | undefined }>(
  values: V,
  choice: StoreChoice,
  run: (values: V) => Promise<void>,
): Promise<void> {
  const file = values.stores ?? '';
  const { databaseCa: ca, databaseCert: cert, databaseKey: key } = values;
  const stores = readEachStore(file, { tls: { ca, cert, key } });
  if (!choice.isAll) return run(valuesIn(values, chosen(stores, choice.store, file)));
  const codes = new Map<string, number>();
  const waiting = [...stores];
  const isStopped = await inSeries(async (series) => {
    const work = async (): Promise<void> => {
      while (!series.isStopped) {
        const next = waiting.shift();
        if (next === undefined) break;
        const [name, store] = next;
        const runInIt = async (): Promise<void> => run(valuesIn(values, usable(store)));
        codes.set(name, await inStore(name, () => codeOf(runInIt, choice.isJson)));
      }
    };
    await Promise.all(Array.from({ length: choice.atOnce }, work));
    return series.isStopped;
  });
  // A command that stops at a request stops only its work in one store.
  for (const [name] of waiting) codes.set(name, stoppedExitCode);
  summarize(codes, { isJson: choice.isJson, isStopped });
}

/** @throws {SluiceError} `configuration_invalid` */
function chosen(
  stores: ReadonlyMap<string, Store | SluiceError>,
  name: string | undefined,
  file: string,
): Store {
  if (name === undefined) {
    throw new SluiceError(
      'configuration_invalid',
      'Cannot choose the store: with --stores, this command needs --store <name> or --all-stores',
    );
  }
  const store = stores.get(name);
  if (store === undefined)
    throw new SluiceError('configuration_invalid', `Cannot find the store in ${file}: ${name}`);
  return usable(store);
}

/** @throws {SluiceError} why it cannot be used */
function usable(store: Store | SluiceError): Store {
  if (store instanceof SluiceError) throw store;
  return store;
}

function valuesIn<V extends DatabaseValues>(values: V, { url, listenUrl, schema }: Store): V {
  // The URLs already contain the TLS settings.
  const tls = { databaseCa: undefined, databaseCert: undefined, databaseKey: undefined };
  const listen = Object.hasOwn(values, 'listenUrl') && listenUrl !== url ? { listenUrl } : {};
  return { ...values, ...tls, ...listen, databaseUrl: url, schema, stores: undefined };
}

/** The exit code of the command. A failure in one store does not stop the others. */
async function codeOf(work: () => Promise<void>, isJson: boolean): Promise<number> {
  process.exitCode = 0;
  try {
    await work();
    return process.exitCode;
  } catch (error) {
    return reportError(error, isJson);
  }
}

function summarize(
  codes: ReadonlyMap<string, number>,
  { isJson, isStopped }: { isJson: boolean; isStopped: boolean },
): void {
  const others = [...codes].filter(([, code]) => code !== 0);
  process.exitCode = Math.max(isStopped ? stoppedExitCode : 0, ...codes.values());
  const well = codes.size - others.length;
  if (isJson) return printJson({ stores: codes.size, endedWith0: well, others: Object.fromEntries(others) });
  const told = others.map(([name, code]) => `, ${name} with ${code}`).join('');
  printLine(`${codes.size} ${codes.size === 1 ? 'store' : 'stores'}: ${well} exited with 0${told}`);
}
