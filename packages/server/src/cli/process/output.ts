/** The output of a command: results to standard output, progress and errors to standard error. */
import { AsyncLocalStorage } from 'node:async_hooks';

const storeOfOutput = new AsyncLocalStorage<string>();

/** Output of `work` has the name of this store: lines start with it, objects have it as `store`. */
export function inStore<T>(name: string, work: () => Promise<T>): Promise<T> {
  return storeOfOutput.run(name, work);
}

function labelled(line: string): string {
  const store = storeOfOutput.getStore();
  return store === undefined ? line : `${store}: ${line}`;
}

/** A closed output does not end the process: a supervisor may be killed before its processes have stopped. */
export function tolerateClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/** Resolves when standard output has lost its reader, as in `| head -1`. A command that repeats its output then ends. */
export function awaitClosedOutput(): Promise<void> {
  return new Promise((resolve) => process.stdout.once('error', () => resolve()));
}

export function printLine(line: string): void {
  process.stdout.write(`${labelled(line)}\n`);
}

export function printJson(value: unknown): void {
  const store = storeOfOutput.getStore();
  const told =
    store === undefined ? value : Array.isArray(value) ? { store, list: value } : { store, ...Object(value) };
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

export function complain(line: string): void {
  process.stderr.write(`${labelled(line)}\n`);
}
