export { sampleLines } from './dev/sample-lines.ts';
export { sampleModelFile } from './sample/district.ts';
