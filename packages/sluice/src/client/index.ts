export * from './contract.ts';
export type { ClientObserver, ClientUsage, FoundBy } from './observer.ts';
export type { ClientOptions } from './client-options.ts';
export { createClient } from './create-client.ts';
