/** JSON Schemas of a model's resources, each compiled when its first document comes, or before. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { canonicalJson, type Model, type Resource } from 'sluice/model';
import { SluiceError } from 'sluice/internal/protocol';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { isDate, isDateTime, isTime } from './calendar.ts';

export type SchemaFault = ErrorObject;

export interface SchemaValidatorOptions {
  /** Formats with another meaning than usual. */
  formats?: Record<string, (text: string) => boolean>;
}

/** The formats of ajv-formats accept the year 0, and a leap second on any day. */
const calendarFormats: NonNullable<SchemaValidatorOptions['formats']> = {
  date: isDate,
  time: (text) => isTime(text, 'required'),
  'date-time': (text) => isDateTime(text, 'required'),
  'iso-time': (text) => isTime(text, 'optional'),
  'iso-date-time': (text) => isDateTime(text, 'optional'),
};

export class SchemaValidator {
  readonly #ajv: Ajv2020;
  readonly #compiled = new WeakMap<Resource, ValidateFunction>();

  constructor({ formats = {} }: SchemaValidatorOptions = {}) {
    this.#ajv = new Ajv2020({
      allErrors: true,
      strict: false,
      // Schemas of different resources may have the same `$id`.
      addUsedSchema: false,
      logger: false,
      formats: { ...fullFormats, ...calendarFormats, ...formats },
    });
    // Ajv's own check compares each object of an array with every other; a hundred thousand would stop the node for
    // minutes.
    this.#ajv.removeKeyword('uniqueItems');
    this.#ajv.addKeyword({
      keyword: 'uniqueItems',
      type: 'array',
      schemaType: 'boolean',
      error: { message: 'must NOT have equal elements' },
      validate: (isAsked: boolean, elements: unknown[]) => !isAsked || areDistinct(elements),
    });
  }

  /** All faults of a document; empty: none, or the resource has no schema. */
  faultsOf(resource: Resource, document: unknown): readonly SchemaFault[] {
    if (resource.jsonSchema === null) return [];
    const validate = this.#compiled.get(resource) ?? this.#compile(resource, resource.jsonSchema);
    return validate(document) ? [] : (validate.errors ?? []);
  }

  /**
   * Compiles schemas that were written by hand. Published sets of hundreds of schemas are only checked in form,
   * because compiling them takes seconds.
   * @throws {SluiceError} `configuration_invalid` for the first invalid schema
   */
  check({ resources, format }: Model): void {
    for (const resource of resources) {
      const { jsonSchema, endpoint } = resource;
      if (jsonSchema === null) continue;
      try {
        if (format === null) this.#compile(resource, jsonSchema);
        else if (this.#ajv.validateSchema(withoutDraft(jsonSchema)) !== true)
          throw new Error(this.#ajv.errorsText());
      } catch (cause) {
        throw new SluiceError(
          'configuration_invalid',
          `Cannot use the model: the schema of ${endpoint} is wrong: ${(cause as Error).message}`,
          { cause },
        );
      }
    }
  }

  /**
   * Compiles the remaining schemas, one in a turn of the event loop, so that requests are answered in between.
   * @param signal Ends it early.
   */
  async compileAll({ resources }: Model, signal: AbortSignal): Promise<void> {
    for (const resource of resources) {
      const { jsonSchema } = resource;
      if (jsonSchema === null || this.#compiled.has(resource)) continue;
      try {
        this.#compile(resource, jsonSchema);
      } catch {
        // The answer to its first document reports the fault.
      }
      await nextTurn();
      if (signal.aborted) return;
    }
  }

  #compile(resource: Resource, jsonSchema: object): ValidateFunction {
    const validate = this.#ajv.compile(withoutDraft(jsonSchema));
    this.#compiled.set(resource, validate);
    return validate;
  }
}

/** The used keywords mean the same in every draft. */
function withoutDraft(jsonSchema: object): object {
  const { $schema: _, ...schema } = jsonSchema as Record<string, unknown>;
  return schema;
}

function areDistinct(elements: readonly unknown[]): boolean {
  const seen = new Set<string>();
  return elements.every((element) => seen.size < seen.add(canonicalJson(element)).size);
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
