export * from './scopes.ts';
export * from './write.ts';
export * from './errors.ts';
export * from './reason.ts';
export * from './limits.ts';
export * from './traceparent.ts';
export * from './hint.ts';
export * from './failpoint.ts';
