/** What a command says, and where: results to standard output, progress and complaints to standard error. */

/** A reader that has gone away is no reason to end: a supervisor may be killed before its processes have stopped. */
export function tolerateClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value));
}

export function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}
