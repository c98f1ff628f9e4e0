export * from './contract.ts';
export { createClient, type ClientOptions } from './create-client.ts';
