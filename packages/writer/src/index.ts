export type { SessionEnd, WokenBy, WriterObserver } from './observer.ts';
export { createWriter, type Writer, type WriterOptions, type WriterStatus } from './create-writer.ts';
