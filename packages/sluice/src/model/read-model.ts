/** Makes a model of files. Several files are one model: a core and its extensions, in any order. */
import { readFile } from 'node:fs/promises';
import { modelFault, type ModelDefinition } from './definition.ts';
import { compileModel, type Model } from './model.ts';
import type { ModelFile, ModelFormat } from './model-format.ts';
import { readNativeForm } from './native-form.ts';
import type { ReferentialIdLayout } from './referential-id.ts';

export interface ModelOptions {
  /**
   * How referentialIds are spelled before they are hashed.
   * @default '2026'
   */
  referentialIdLayout?: ReferentialIdLayout | undefined;
  /** Reads files that are not in the native form. @default none */
  format?: ModelFormat | undefined;
}

/** A model without documents, for programs that write only to tables, functions and handlers. */
export const emptyModel: Model = compileModel({ abstracts: [], resources: [], projects: [] });

/**
 * Makes a model of one parsed file.
 * @throws ModelError `invalid_model`, with a sentence that names the place.
 */
export function parseModel(json: unknown, source = 'the model', options: ModelOptions = {}): Model {
  return parseModelFiles([{ json, source }], options);
}

/**
 * Reads one file, or several as one model.
 * @throws ModelError `invalid_model` if a file is not JSON or not a model; the file system's error if it cannot be read.
 */
export async function readModel(
  files: string | readonly string[],
  options: ModelOptions = {},
): Promise<Model> {
  return parseModelFiles(await loadModelFiles(files), options);
}

/**
 * Files as JSON, for a program that chooses their {@link ModelFormat}.
 * @throws ModelError `invalid_model` if a file is not JSON; the file system's error if it cannot be read.
 */
export function loadModelFiles(files: string | readonly string[]): Promise<ModelFile[]> {
  const sources = typeof files === 'string' ? [files] : files;
  return Promise.all(
    sources.map(async (source) => ({ json: parseJson(await readFile(source, 'utf8'), source), source })),
  );
}

/** Why a file of these cannot be read, to end a sentence; null: the error is another. */
export function unreadableModel(error: unknown, files: string | readonly string[]): string | null {
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return null;
  const reason = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
  return `${reason}: ${path ?? [files].flat().join()}`;
}

/**
 * Makes one model of parsed files.
 * @throws ModelError `invalid_model`, with a sentence that names the place.
 */
export function parseModelFiles(
  files: readonly ModelFile[],
  { referentialIdLayout, format }: ModelOptions = {},
): Model {
  const isForeign = ({ json }: ModelFile): boolean => format?.isFormOf(json) === true;
  const native = mergeDefinitions(
    files.filter((file) => !isForeign(file)).map(({ json, source }) => readNativeForm(json, source)),
  );
  const foreign = files.filter(isForeign);
  if (format === undefined || foreign.length === 0) return compileModel(native, referentialIdLayout);
  return compileModel(format.read(foreign, native), referentialIdLayout, format.name);
}

function mergeDefinitions(definitions: readonly ModelDefinition[]): ModelDefinition {
  return {
    abstracts: definitions.flatMap(({ abstracts }) => abstracts),
    resources: definitions.flatMap(({ resources }) => resources),
    projects: definitions.flatMap(({ projects }) => projects),
  };
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw modelFault('the file', 'is not JSON', source);
  }
}
