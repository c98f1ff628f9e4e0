import { describe, expect, test } from 'vitest';
import { Hosts, splitUrl } from './hosts.ts';

describe('a URL', () => {
  test.each([
    ['postgres://u:p@a/db', ['postgres://u:p@a/db']],
    ['postgres://u:p@a,b:5433/db?x=1', ['postgres://u:p@a/db?x=1', 'postgres://u:p@b:5433/db?x=1']],
    ['postgres://a/d,postgresql://u:p,q@b/d', ['postgres://a/d', 'postgresql://u:p,q@b/d']],
    ['postgres://[::1]:1,[::2]:2/d', ['postgres://[::1]:1/d', 'postgres://[::2]:2/d']],
    ['postgres://a,b/d?target_session_attrs=read-write', ['postgres://a/d', 'postgres://b/d']],
    ['postgres://a/d?target_session_attrs=primary&sslmode=require', ['postgres://a/d?sslmode=require']],
    ['postgres://%2Frun%2Fpg/d', ['postgres://%2Frun%2Fpg/d']],
  ])('a URL names servers: %s', (url, urls) => {
    expect(splitUrl(url)).toEqual(urls);
  });
});

describe('a list of servers', () => {
  test('a list of servers advances once however many callers report a failure, and starts over at its end', () => {
    const hosts = new Hosts(['a', 'b']);
    hosts.leave('a');
    hosts.leave('a');
    expect(hosts.current).toBe('b');
    hosts.leave('b');
    expect(hosts.current).toBe('a');
  });
});

describe('a schema with a home', () => {
  test('connections go to the home, and to the servers of the URL once it is left', () => {
    const hosts = new Hosts(['postgres://u:p@a/d?x=1', 'postgres://u:p@b/d']);
    let moves = 0;
    const unwatch = hosts.watch(() => (moves += 1));
    hosts.goHome('n1:5433');
    expect([hosts.current, hosts.count, moves]).toEqual(['postgres://u:p@n1:5433/d?x=1', 3, 1]);
    hosts.isPlaced = true;
    hosts.leave('postgres://u:p@b/d');
    hosts.goHome('n1:5433');
    expect([moves, hosts.isPlaced]).toEqual([1, true]);
    hosts.leave('postgres://u:p@n1:5433/d?x=1');
    expect([hosts.current, hosts.count, moves, hosts.isPlaced]).toEqual([
      'postgres://u:p@a/d?x=1',
      2,
      2,
      null,
    ]);
    unwatch();
    hosts.goHome('n2:1');
    expect(moves).toBe(2);
  });
});
