/** Another form of model file than the native one. A package implements it, and `readModel` and `parseModel` take it as an option. */
import type { ModelDefinition } from './definition.ts';

export interface ModelFile {
  /** Parsed content. */
  readonly json: unknown;
  /** Where it comes from, for error messages. */
  readonly source: string;
}

export interface ModelFormat {
  /** Name of the package, by which the command line loads it. */
  readonly name: string;
  /** Whether a file is of this form. */
  isFormOf(json: unknown): boolean;
  /**
   * Reads all files of this form together, because one may extend resources of another.
   * @param native What the files in the native form define.
   * @returns what all files together define
   * @throws {ModelError} `invalid_model`
   */
  read(files: readonly ModelFile[], native: ModelDefinition): ModelDefinition;
}
