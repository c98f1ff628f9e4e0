export type ModelErrorCode = 'identity_missing' | 'invalid_document' | 'invalid_model';

/**
 * Says what is wrong with a document or with a model file, and where. The message names paths and, for a model, names
 * of the model; never a value of a document.
 */
export class ModelError extends Error {
  /**
   * `identity_missing`: the document lacks an identifying value. `invalid_document`: it has another shape than its
   * resource's paths expect. `invalid_model`: the model file itself is wrong.
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
