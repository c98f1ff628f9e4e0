export * from './catalog.ts';
export * from './definition.ts';
export * from './form.ts';
export * from './row-key.ts';
export * from './row-request.ts';
