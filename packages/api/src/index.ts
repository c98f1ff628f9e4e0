export { createApi, listen, type ApiOptions, type ListenOptions } from './api.ts';
export { type ApiLimits } from './limits.ts';
export { JsonScanner, type JsonLimits, type JsonOffence, type JsonScan } from './json-scanner.ts';
export type { Problem, ProblemFault } from './problem.ts';
