/**
 * Packages that read another form of model file than the native one. None is part of this package; the one that a
 * model file needs is loaded by name.
 */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ProfileFactory } from '#api';
import type { Projection } from 'sluice/internal/batch';
import { SluiceError } from 'sluice/internal/protocol';
import type { Model, ModelFile, ModelFormat } from 'sluice/model';
import { version } from '../process/version.ts';

/** The exports of such a package. Its module `profile` exports the {@link ProfileFactory} `profile`. */
export interface FormatPackage {
  modelFormat: ModelFormat;
  /** The projections of a model of this format. */
  projectionsOf(model: Model): Projection[];
}

/** Members that only files of the format have, by package. */
const formats: Readonly<Record<string, readonly string[]>> = {
  '@sluice/edfi': ['projectSchemas', 'projectSchema'],
};

/**
 * The format of the files that are not in the native form.
 * @throws {SluiceError} `configuration_invalid` if its package is not installed
 */
export async function formatOf(files: readonly ModelFile[]): Promise<ModelFormat | undefined> {
  for (const [name, members] of Object.entries(formats)) {
    const file = files.find(({ json }) => members.some((member) => isObject(json) && member in json));
    if (file !== undefined) return (await load<FormatPackage>(name, name, file.source)).modelFormat;
  }
  return undefined;
}

export async function projectionsOfFormat(model: Model): Promise<Projection[]> {
  const { format } = model;
  return format === null ? [] : (await load<FormatPackage>(format, format)).projectionsOf(model);
}

/** The dialect of the API for the model's documents; undefined: Sluice's own. */
export async function profileOfFormat({ format }: Model): Promise<ProfileFactory | undefined> {
  if (format === null) return undefined;
  return (await load<{ profile: ProfileFactory }>(`${format}/profile`, format)).profile;
}

/** Loaded beside this package, or where a program in the working folder would find it. */
async function load<T>(specifier: string, name: string, file = 'the model'): Promise<T> {
  const place = (): string => pathToFileURL(createRequire(resolve('here.js')).resolve(specifier)).href;
  try {
    return (await import(specifier)) as T;
  } catch (cause) {
    if (!isMissing(cause, name)) throw cause;
  }
  try {
    return (await import(place())) as T;
  } catch (cause) {
    if (!isMissing(cause, name)) throw cause;
    throw new SluiceError(
      'configuration_invalid',
      `Cannot read ${file}: its form needs the package ${name}, which is not installed: npm install ${name}@${version}`,
      { cause },
    );
  }
}

function isMissing(error: unknown, name: string): boolean {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(code) && message.includes(`'${name}`);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
