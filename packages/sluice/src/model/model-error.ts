export type ModelErrorCode = 'identity_missing' | 'invalid_document' | 'invalid_model';

/**
 * Describes a fault of a document or of a model file, with its place. The message has paths and, for a model, its
 * names, but never a value of a document.
 */
export class ModelError extends Error {
  /**
   * `identity_missing`: the document lacks an identifying value. `invalid_document`: it does not have the shape that
   * the paths of its resource require. `invalid_model`: the model file itself is wrong.
   */
  readonly code: ModelErrorCode;
  /** JSON path of the fault, e.g. `$.sections[2].sectionReference.schoolId`. */
  readonly path: string;

  constructor(code: ModelErrorCode, message: string, path: string) {
    super(message);
    this.name = 'ModelError';
    this.code = code;
    this.path = path;
  }
}
