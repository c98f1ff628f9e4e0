export {
  emptyModel,
  loadModelFiles,
  parseModel,
  parseModelFiles,
  readModel,
  unreadableModel,
  type ModelOptions,
} from './read-model.ts';
export type { ModelFile, ModelFormat } from './model-format.ts';
// For packages that implement another model format.
export { DESCRIPTOR_PATH, modelFault } from './definition.ts';
export { parseForm } from './parse-form.ts';
export { isModelPath } from './path.ts';
export type { Model, ReferenceRule, Resource } from './model.ts';
export type {
  AbstractDefinition,
  EqualityConstraint,
  ModelDefinition,
  PathPair,
  ProjectInfo,
  QueryField,
  ReferenceDefinition,
  ResourceDefinition,
  ResourceName,
} from './definition.ts';
export { describeDocument, type DocumentDescription, type DocumentReference } from './describe-document.ts';
export { caseVariants, foldCase } from './fold-case.ts';
export { idOfIdentity, idOfReference } from './identify.ts';
export { referentialIdOf, type IdentityElement, type ReferentialIdLayout } from './referential-id.ts';
export { laneOf } from './lane.ts';
export { contentHash } from './content-hash.ts';
export { findOutgrowth } from './written-size.ts';
export { canonicalJson } from './canonical-json.ts';
export { ModelError, type ModelErrorCode } from './model-error.ts';
export { renameReferences, type Edit, type RenamedDocument } from './rename-references.ts';
