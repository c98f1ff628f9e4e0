export * from './catalog.ts';
export { checkDefinitions, modelBeside } from './check-definitions.ts';
export * from './definition.ts';
export * from './form.ts';
export { assertFunctions, readTables, readTargets } from './read-targets.ts';
export * from './row-key.ts';
export * from './row-request.ts';
export { saveTargets } from './save-targets.ts';
export { targetLine, type ConfiguredTarget, type Targets } from './targets.ts';
