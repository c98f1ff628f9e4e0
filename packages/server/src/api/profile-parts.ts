/**
 * For packages that implement a {@link Profile}: the interface, and the checks that all profiles share. Their module
 * exports the factory as `profile`.
 */
// Its types add fields to the schema of a route, e.g. `hide`.
export type { FastifySwaggerOptions } from '@fastify/swagger';
export type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
export { isDate, isTime, utcSecond } from './calendar.ts';
export type { DocumentText } from './document-text.ts';
export { problemOfAny } from './error-answers.ts';
export { JsonScanner, REPEATED_KEY } from './json-scanner.ts';
export { placeText, type JsonOffence } from './json-offence.ts';
export { defaultLimits, jsonLimits } from './limits.ts';
export { problemOfOutcome, retryAfterSeconds, type Problem } from './problem.ts';
export type { ProfileFactory, ProfileNode } from './node.ts';
export type { ListRequest, Profile, Query } from './profile.ts';
export { readIfMatch, refuseUnchecked } from './request-headers.ts';
export { pathOf, SchemaValidator, type SchemaFault } from './schema-validator.ts';
export { version } from './version.ts';
