/**
 * All checks of a body that need no database, in the order in which clients see them: JSON, id, schema, equal ids,
 * equal values, repeated elements.
 */
import {
  type DocumentText,
  isTime,
  type JsonOffence,
  type JsonScanner,
  placeText,
  REPEATED_KEY,
  SchemaValidator,
} from '@sluice/server/profile';
import type { Model, Resource } from 'sluice/model';
import { uniquenessFaults } from './array-uniqueness.ts';
import { equalityFaults } from './equality.ts';
import { fitDocument } from './fit-document.ts';
import { badRequest, dataValidation, EdFiError, type ValidationErrors } from './problem.ts';
import { addError, decimalFaults, describeFaults } from './schema-faults.ts';

export class EdFiDocuments {
  readonly #scanner: JsonScanner;
  // Times of day have no zone.
  readonly #validator = new SchemaValidator({
    formats: { time: (text) => isTime(text, 'optional') },
  });

  constructor(scanner: JsonScanner) {
    this.#scanner = scanner;
  }

  /** Compiles the schemas of all resources, so that no document waits for it. */
  prepare(model: Model, signal: AbortSignal): Promise<void> {
    return this.#validator.compileAll(model, signal);
  }

  /** @throws {EdFiError} */
  read(bytes: Buffer, resource: Resource, documentId: string | undefined): DocumentText {
    if (bytes.every(isSpace))
      throw new EdFiError('invalid_json', badRequest('A non-empty request body is required.'));
    const { offence } = this.#scanner.scan(bytes);
    if (offence !== null) throw unreadable(offence);
    const text = bytes.toString('utf8');
    return this.take(text, JSON.parse(text) as unknown, resource, documentId);
  }

  /**
   * @param value The parsed text, which is changed to fit the schema.
   * @throws {EdFiError}
   */
  take(text: string, value: unknown, resource: Resource, documentId: string | undefined): DocumentText {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw invalid(describeFaults(this.#validator.faultsOf(resource, value), value));
    }
    const document = value as Record<string, unknown>;
    const bodyId = document['id'];
    if (documentId === undefined) refuseId(document);
    const hasChanged = fitDocument(resource, document);

    const errors = describeFaults(this.#validator.faultsOf(resource, document), document);
    if (documentId !== undefined && typeof bodyId !== 'string') {
      const isAbsent = bodyId === undefined || bodyId === null;
      addError(errors, '$.id', isAbsent ? 'id is required.' : 'id Value should be "string"');
    }
    refuse(errors);
    refuse(decimalFaults(resource, document));
    if (documentId !== undefined && String(bodyId).toLowerCase() !== documentId) {
      throw new EdFiError('invalid_document', badRequest('Request body id must match the id in the url.'));
    }
    refuse(equalityFaults(resource, document));
    refuse(uniquenessFaults(resource, document));
    // If nothing was changed, the client's own spelling is stored.
    return { body: hasChanged ? JSON.stringify(document) : text, document };
  }
}

const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

function refuseId(document: Record<string, unknown>): void {
  if (!Object.keys(document).some((name) => name.toLowerCase() === 'id')) return;
  throw new EdFiError('invalid_document', {
    ...dataValidation({}),
    detail: 'The request data was constructed incorrectly.',
    errors: [
      "Resource identifiers cannot be assigned by the client. The 'id' property should not be included in the request body.",
    ],
  });
}

function unreadable(offence: JsonOffence): EdFiError {
  const { path, message } = offence;
  if (message === REPEATED_KEY)
    return invalid({ [path]: ['An item with the same key has already been added.'] }, 'invalid_json');
  const isSyntax = message.includes('not valid JSON');
  return invalid(
    { [isSyntax ? '$.' : path]: [`${path} ${message} (${placeText(offence)})`] },
    'invalid_json',
  );
}

function refuse(errors: ValidationErrors): void {
  for (const _ in errors) throw invalid(errors);
}

function invalid(
  errors: ValidationErrors,
  code: 'invalid_json' | 'invalid_document' = 'invalid_document',
): EdFiError {
  return new EdFiError(code, dataValidation(errors));
}
