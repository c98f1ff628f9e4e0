export type { SessionEnd, WokenBy, WriterObserver } from './observer.ts';
export { createWriter } from './create-writer.ts';
export type { Writer, WriterOptions, WriterStatus } from './writer-options.ts';
