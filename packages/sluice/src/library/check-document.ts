import { SluiceError } from '#protocol';
import type { SchemaIssue, StandardSchema } from './contract.ts';

/**
 * The document as its schema returns it, because schemas may fill in defaults.
 * @throws {SluiceError} `invalid_document`, with the paths in `detail.errors`
 */
export async function checkDocument(schema: StandardSchema | undefined, document: object): Promise<unknown> {
  if (schema === undefined) return document;
  const result = await schema['~standard'].validate(document);
  if (result.issues === undefined) return result.value;
  const errors = result.issues.map((issue) => ({ path: pathOf(issue), message: issue.message }));
  const [first] = errors;
  throw new SluiceError('invalid_document', `Cannot take the document: ${first?.path}: ${first?.message}`, {
    detail: { errors },
  });
}

function pathOf({ path = [] }: SchemaIssue): string {
  return path.reduce<string>((text, part) => {
    const key = typeof part === 'object' ? part.key : part;
    return typeof key === 'number' ? `${text}[${key}]` : `${text}.${String(key)}`;
  }, '$');
}
