/** From files to a model. Several files are one model: a core and its extensions, in either form, in any order. */
import { readFile } from 'node:fs/promises';
import { isApiSchema, mergeExtensions, readApiSchema, type ResourceExtension } from './api-schema.ts';
import {
  modelFault,
  type AbstractDefinition,
  type ModelDefinition,
  type ProjectInfo,
  type ResourceDefinition,
} from './definition.ts';
import { compileModel, type Model } from './model.ts';
import { readNativeForm } from './native-form.ts';
import type { ReferentialIdLayout } from './referential-id.ts';

export interface ModelOptions {
  /**
   * How referentialIds are spelled before they are hashed.
   * @default '2026'
   */
  referentialIdLayout?: ReferentialIdLayout;
}

/** A model without documents: of programs that write only to tables, functions and handlers. */
export const emptyModel: Model = compileModel({ abstracts: [], resources: [], projects: [] });

/**
 * Makes a model of one parsed file.
 * @throws ModelError `invalid_model`, with a sentence that names the place.
 */
export function parseModel(json: unknown, source = 'the model', options: ModelOptions = {}): Model {
  return makeModel([{ json, source }], options);
}

/**
 * Reads one file, or several as one model.
 * @throws ModelError `invalid_model` if a file is not JSON or not a model; the file system's error if it cannot be read.
 */
export async function readModel(
  files: string | readonly string[],
  options: ModelOptions = {},
): Promise<Model> {
  const sources = typeof files === 'string' ? [files] : files;
  const read = sources.map(async (source) => ({
    json: parseJson(await readFile(source, 'utf8'), source),
    source,
  }));
  return makeModel(await Promise.all(read), options);
}

function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw modelFault('the file', 'is not JSON', source);
  }
}

function makeModel(files: readonly { json: unknown; source: string }[], options: ModelOptions): Model {
  const abstracts: AbstractDefinition[] = [];
  const resources: ResourceDefinition[] = [];
  const extensions: ResourceExtension[] = [];
  const projects: ProjectInfo[] = [];
  for (const { json, source } of files) {
    if (isApiSchema(json)) {
      const definition = readApiSchema(json, source);
      extensions.push(...definition.extensions);
      add(definition);
    } else {
      add(readNativeForm(json, source));
    }
  }
  return compileModel(
    { abstracts, resources: mergeExtensions(resources, extensions), projects },
    options.referentialIdLayout,
  );

  function add(definition: ModelDefinition): void {
    abstracts.push(...definition.abstracts);
    resources.push(...definition.resources);
    projects.push(...definition.projects);
  }
}
