export { createApi, type ApiOptions } from './api.ts';
export type { FastifyInstance as HttpServer } from 'fastify';
export {
  createServer,
  listen,
  type ListenOptions,
  type Routes,
  type ServerOptions,
} from './create-server.ts';
export type { ProfileFactory } from './node.ts';
export { answerError } from './error-answers.ts';
export {
  createFront,
  type FrontOptions,
  type StoreCount,
  type UseKind,
  type StoreRoute,
  type StoreUse,
} from './front.ts';
export { hostNameOf } from './origin-of.ts';
export { closeConnections } from './close-connections.ts';
export { assertGuarded, assertMay, type Access, type Auth } from './auth/guard.ts';
export { createApiKey, type ApiKey } from './auth/api-key.ts';
export { Authenticator, type AuthenticatorOptions } from './auth/authenticator.ts';
export { type StoredKey } from './auth/key-ring.ts';
export { isLoopback } from './auth/loopback.ts';
export type { Principal } from './auth/principal.ts';
export { tokenAlgorithms, type TokenCheckOptions } from './auth/token-check.ts';
export type { MetricsSource } from './metrics-route.ts';
export { type ApiLimits } from './limits.ts';
export { JsonScanner, type JsonLimits, type JsonScan } from './json-scanner.ts';
export { type JsonOffence } from './json-offence.ts';
export type { Problem, ProblemFault } from './problem.ts';
