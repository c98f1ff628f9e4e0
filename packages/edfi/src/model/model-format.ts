/** `ApiSchema.json` as a form of model files: alone, in several files, or beside files in the native form. */
import {
  readModel as readModelFiles,
  type Model,
  type ModelFormat,
  type ModelOptions,
  type ResourceDefinition,
} from 'sluice/model';
import { isApiSchema, readApiSchema } from './api-schema.ts';
import { mergeExtensions } from './merge-extensions.ts';

export const modelFormat: ModelFormat = {
  name: '@sluice/edfi',
  isFormOf: isApiSchema,
  read(files, native) {
    const definitions = files.map(({ json, source }) => readApiSchema(json, source));
    const resources: ResourceDefinition[] = definitions.flatMap(({ resources }) => resources);
    const extensions = definitions.flatMap(({ extensions }) => extensions);
    return {
      abstracts: [...native.abstracts, ...definitions.flatMap(({ abstracts }) => abstracts)],
      resources: mergeExtensions([...native.resources, ...resources], extensions),
      projects: [...native.projects, ...definitions.flatMap(({ projects }) => projects)],
    };
  },
};

/**
 * The same as `readModel` of `sluice/model`, for files that are Ed-Fi schemas or in the native form.
 * @throws {ModelError} `invalid_model`; the file system's error if a file cannot be read
 */
export function readModel(
  files: string | readonly string[],
  options: Omit<ModelOptions, 'format'> = {},
): Promise<Model> {
  return readModelFiles(files, { ...options, format: modelFormat });
}
