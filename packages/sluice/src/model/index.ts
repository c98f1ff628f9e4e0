export { emptyModel, parseModel, readModel, type ModelOptions } from './read-model.ts';
export type { Model, ReferenceRule, Resource } from './model.ts';
export type {
  ApiRules,
  EqualityConstraint,
  PathPair,
  ProjectInfo,
  QueryField,
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
