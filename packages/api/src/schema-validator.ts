/** JSON Schemas of a model's resources, each compiled when its first document comes. */
import type { Resource } from '@sluice/model';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';

export type SchemaFault = ErrorObject;

export interface SchemaValidatorOptions {
  /** Formats that mean another thing here than usual. */
  formats?: Record<string, RegExp | ((text: string) => boolean)>;
}

export class SchemaValidator {
  readonly #ajv: Ajv2020;
  readonly #compiled = new WeakMap<Resource, ValidateFunction>();

  constructor({ formats = {} }: SchemaValidatorOptions = {}) {
    this.#ajv = new Ajv2020({
      allErrors: true,
      strict: false,
      // Schemas of different resources may carry the same `$id`.
      addUsedSchema: false,
      logger: false,
      formats: { ...fullFormats, ...formats },
    });
  }

  /** All that is wrong with a document; empty: nothing, or the resource has no schema. */
  faultsOf(resource: Resource, document: unknown): readonly SchemaFault[] {
    if (resource.jsonSchema === null) return [];
    let validate = this.#compiled.get(resource);
    if (validate === undefined) {
      // Whatever draft a schema names, the keywords that matter mean the same.
      const { $schema: _, ...schema } = resource.jsonSchema as Record<string, unknown>;
      validate = this.#ajv.compile(schema);
      this.#compiled.set(resource, validate);
    }
    return validate(document) ? [] : (validate.errors ?? []);
  }
}

/** `/sections/2/name` as `$.sections[2].name`. */
export function pathOf(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .reduce((path, step) => {
      const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
      if (/^\d+$/.test(name)) return `${path}[${name}]`;
      return /^[\w$-]+$/.test(name) ? `${path}.${name}` : `${path}["${name}"]`;
    }, '$');
}
