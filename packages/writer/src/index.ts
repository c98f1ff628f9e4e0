export { createWriter, type Writer, type WriterOptions, type WriterStatus } from './create-writer.ts';
