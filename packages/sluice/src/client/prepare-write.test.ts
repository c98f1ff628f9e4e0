import { parseModel } from '#model';
import { expect, test } from 'vitest';
import type { WriteRequest } from './contract.ts';
import { assertRequest } from './prepare-write.ts';

const model = parseModel({
  project: 'Shop',
  resources: [{ name: 'Order', endpoint: 'shop/orders', identity: ['$.number'] }],
});
const request: WriteRequest = {
  operation: 'upsert',
  resource: model.findEndpoint('shop/orders')!,
  body: '{"number":1}',
};

test.each<[string, Partial<WriteRequest>, string]>([
  ['an operation that there is not', { operation: 'zap' as 'upsert' }, 'invalid_request'],
  ['an empty key', { idempotencyKey: '' }, 'invalid_request'],
  ['a key of 256 characters', { idempotencyKey: 'k'.repeat(256) }, 'invalid_request'],
  ['a key with a NUL', { idempotencyKey: 'a\0b' }, 'invalid_request'],
  ['a delete without an id', { operation: 'delete' }, 'document_not_found'],
  ['an update of what is no id', { operation: 'update', documentId: 'nonsense' }, 'document_not_found'],
])('a request is refused with %s', (_what, change, code) => {
  expect(() => assertRequest({ ...request, ...change })).toThrow(expect.objectContaining({ code }));
});

test('a request is taken with a key of 255 characters of any script', () => {
  expect(() => assertRequest({ ...request, idempotencyKey: 'ключ '.repeat(51) })).not.toThrow();
});
