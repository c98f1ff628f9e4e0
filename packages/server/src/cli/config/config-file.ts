/**
 * The configuration file, `sluice.config.js`, `.mjs` or `.json`: found in the working directory or the nearest folder
 * above it, or named by `--config`. Keys are names of settings. An object under the name of a command is for that
 * command alone, and wins over the keys for all.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SluiceError } from 'sluice/internal/protocol';
import { repeatedKey } from './repeated-key.ts';

const names = ['sluice.config.js', 'sluice.config.mjs', 'sluice.config.json'];

/** Value of `--config` that reads no file. */
export const noConfigFile = 'none';

type Section = Readonly<Record<string, unknown>>;

export interface ConfigFile {
  path: string;
  /** By key, for the command that reads the file. */
  values: Section;
  /** The whole content of the file. */
  whole: Section;
}

/**
 * @param given Value of `--config`
 * @throws {SluiceError} `configuration_invalid`
 */
export async function readConfigFile(
  given: string | undefined,
  command: string,
  from: string = process.cwd(),
): Promise<ConfigFile | null> {
  if (given === noConfigFile) return null;
  const path = given === undefined ? findUpwards(from) : resolve(from, given);
  if (path === null) return null;
  const whole = await load(path);
  if (!isSection(whole)) throw refusal(`${path} is not an object of settings`);
  const common = Object.entries(whole).filter(([, value]) => !isSection(value));
  const section = Object.hasOwn(whole, command) && isSection(whole[command]) ? whole[command] : {};
  return { path, values: { ...Object.fromEntries(common), ...section }, whole };
}

/** @throws {SluiceError} `configuration_invalid` if a folder holds both forms of the file */
function findUpwards(from: string): string | null {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const found = names.map((name) => join(folder, name)).filter((path) => existsSync(path));
    if (found.length > 1)
      throw refusal(`${folder} holds ${found.map((path) => basename(path)).join(' and ')}: keep one of them`);
    if (found[0] !== undefined) return found[0];
    if (dirname(folder) === folder) return null;
  }
}

async function load(path: string): Promise<unknown> {
  try {
    if (basename(path).endsWith('.json')) {
      const text = readFileSync(path, 'utf8');
      const value = JSON.parse(text) as unknown;
      const repeated = repeatedKey(text);
      if (repeated === null) return value;
      throw refusal(`${path} has the key ${JSON.stringify(repeated)} twice`);
    }
    return ((await import(pathToFileURL(path).href)) as { default?: unknown }).default;
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    if (!existsSync(path)) throw refusal(`--config names no file: ${path}`);
    // The message of the JSON parser quotes the text, and so perhaps a secret.
    const reason = path.endsWith('.json') ? 'JSON' : `a module (${String(cause)})`;
    throw new SluiceError('configuration_invalid', `Cannot start: ${path} cannot be read as ${reason}`, {
      cause,
    });
  }
}

export function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The value of a key in the form of a flag.
 * @throws {SluiceError} `configuration_invalid` for a value that no flag could have
 */
export function textIn(
  { path: file, values }: ConfigFile,
  key: string,
  { form, path }: { form: string; path?: 'always' | 'dotted' },
): string | undefined {
  const value = Object.hasOwn(values, key) ? values[key] : undefined;
  const parts = Array.isArray(value) ? (value as unknown[]) : [value];
  if (value === undefined || parts.length === 0) return undefined;
  const texts = parts.map((part) => {
    if (typeof part === 'boolean') return part ? 'on' : 'off';
    if (typeof part === 'number') return String(part);
    const isText = typeof part === 'string' && !(Array.isArray(value) && part.includes(','));
    if (!isText) throw refusal(`${key} in ${file} is not ${form}`);
    const isRelative =
      path === 'always' ? !/^\w+:\/\//.test(part) : path === 'dotted' && part.startsWith('.');
    return isRelative ? resolve(dirname(file), part) : part;
  });
  return texts.join(',');
}

/**
 * @param keys Keys of each command
 * @throws {SluiceError} `configuration_invalid` for a key that no command has
 */
export function assertKeys(
  { path, whole }: ConfigFile,
  keys: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  const all = new Set([...keys.values()].flatMap((some) => [...some]));
  for (const [key, value] of Object.entries(whole)) {
    if (!isSection(value)) {
      if (!all.has(key)) throw refusal(`${path} has an unknown key: ${key}`);
      continue;
    }
    const known = keys.get(key);
    if (known === undefined) throw refusal(`${path} has a section for an unknown command: ${key}`);
    const stray = Object.keys(value).find((each) => !known.has(each));
    if (stray !== undefined)
      throw refusal(`${path} has a key that \`sluice ${key}\` does not take: ${key}.${stray}`);
  }
}

function refusal(reason: string): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot start: ${reason}`);
}
