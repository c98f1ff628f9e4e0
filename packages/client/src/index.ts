export * from './contract.ts';
export type { ClientObserver, ClientUsage, FoundBy } from './observer.ts';
export { createClient, type ClientOptions } from './create-client.ts';
