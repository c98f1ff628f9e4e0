import { expect, test } from 'vitest';
import { storeOf } from './store-of.ts';
import type { Store, Stores } from './stores-file.ts';

const stores: Stores = new Map(
  [
    { name: 'north', hosts: ['north.example.org'] },
    { name: 'south', hosts: [] },
  ].map((store) => [store.name, store as unknown as Store]),
);
const token = (claims: object): string =>
  `Bearer e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;

test.each([
  ['/south/data/a/b', {}, { store: 'south', url: '/south/data/a/b' }],
  ['/south', {}, { store: 'south', url: '/south' }],
  ['/south?x=1', {}, { store: 'south', url: '/south?x=1' }],
  ['/southern/data/a/b', {}, null],
  ['/data/south/b', {}, null],
  ['/data/a/b', { host: 'North.example.org:443' }, { store: 'north', url: '/north/data/a/b' }],
  ['/data/a/b', { host: 'south.example.org' }, null],
  ['/south/data/a/b', { host: 'north.example.org' }, { store: 'south', url: '/south/data/a/b' }],
  ['/data/a/b', { authorization: token({ store: 'south' }) }, { store: 'south', url: '/south/data/a/b' }],
  ['/data/a/b', { authorization: token({ store: 'none' }) }, null],
  ['/data/a/b', { authorization: token({ store: ['south'] }) }, { store: 'south', url: '/south/data/a/b' }],
  ['/data/a/b', { authorization: token({ store: ['south', 'north'] }) }, null],
  ['/data/a/b', { authorization: token({ store: [] }) }, null],
  ['/data/a/b', { authorization: 'Bearer e30.bm8.c2ln' }, null],
  [
    '/data/a/b',
    { host: 'north.example.org', authorization: token({ store: 'south' }) },
    { store: 'north', url: '/north/data/a/b' },
  ],
  ['/readyz?store=south', {}, { store: 'south', url: '/south/readyz' }],
  ['/readyz?store=none', {}, null],
  ['/readyz', { host: 'north.example.org' }, null],
  ['/healthz', { host: 'north.example.org' }, null],
  ['/data/a/b', { host: 'north.example.org.' }, { store: 'north', url: '/north/data/a/b' }],
  ['/data/a/b', { host: 'north.example.org.:8080' }, { store: 'north', url: '/north/data/a/b' }],
  [
    'http://node:8080/south/data/a/b?x=1',
    { host: 'node:8080' },
    { store: 'south', url: '/south/data/a/b?x=1' },
  ],
  [
    'HTTPS://North.example.org./data/a/b',
    { host: 'b.example.org' },
    { store: 'north', url: '/north/data/a/b' },
  ],
  ['http://user@north.example.org:8080?x=1', {}, { store: 'north', url: '/north/?x=1' }],
  ['http://b.example.org/data/a/b', { host: 'north.example.org' }, null],
  ['http://node/readyz?store=south', {}, { store: 'south', url: '/south/readyz' }],
  ['http://node/healthz', { host: 'north.example.org' }, null],
  ['*', { host: 'north.example.org' }, null],
])('the request %s with %j is for %j', (url, headers, found) => {
  expect(storeOf({ url, headers }, { stores, basePath: '', claim: 'store' })).toEqual(found);
});

test('the name of a store follows the base path', () => {
  const options = { stores, basePath: '/v1', claim: null };
  expect(storeOf({ url: '/v1/south/docs', headers: {} }, options)).toEqual({
    store: 'south',
    url: '/v1/south/docs',
  });
  expect(storeOf({ url: '/south/docs', headers: {} }, options)).toBeNull();
  const headers = { host: 'north.example.org' };
  expect(storeOf({ url: '/v1/docs', headers }, options)).toEqual({ store: 'north', url: '/v1/north/docs' });
});

test('without a claim, a token names no store', () => {
  const headers = { authorization: token({ store: 'south' }) };
  expect(storeOf({ url: '/data/a/b', headers }, { stores, basePath: '', claim: null })).toBeNull();
});
