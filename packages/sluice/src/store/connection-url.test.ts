import { describe, expect, test } from 'vitest';
import { fieldsOf } from './connection-url.ts';

describe('a URL of a server', () => {
  test.each([
    ['postgres://u:p@a:5433/db', { user: 'u', password: 'p', host: 'a', port: 5433, database: 'db' }],
    ['postgresql://a', { host: 'a' }],
    ['postgres:///db', { database: 'db' }],
    ['postgres://u@/db?host=/run/pg&port=5433', { user: 'u', host: '/run/pg', port: 5433, database: 'db' }],
    ['postgres://%2Frun%2Fpg/db', { host: '/run/pg', database: 'db' }],
    ['postgres://u@%2Frun%2Fpg:5433/db', { user: 'u', host: '/run/pg', port: 5433, database: 'db' }],
    ['/run/pg db', { host: '/run/pg', database: 'db' }],
    ['socket:/run/pg?db=d%3Fb', { host: '/run/pg', database: 'd?b' }],
    ['postgres://[::1]:5433/db', { host: '::1', port: 5433, database: 'db' }],
    ['postgres://a/what%3F%23%2F%25%20%C3%BC', { host: 'a', database: 'what?#/% ü' }],
    ['postgres://a/my db', { host: 'a', database: 'my db' }],
    ['postgres://a/b/c', { host: 'a', database: 'b/c' }],
    ['postgres://u%40:%23%2F%3F%40%25%3A:x@a/db', { user: 'u@', password: '#/?@%::x', host: 'a', database: 'db' }],
    // Unencoded, but plain.
    ['postgres://u:p@q@a/db', { user: 'u', password: 'p@q', host: 'a', database: 'db' }],
    ['postgres://a/db?application_name=x&options=-c%20a%3Db&statement_timeout=5s&max=9&stream=x&types=y', {
      host: 'a', database: 'db', options: '-c a=b', statement_timeout: '5s',
    }],
    ['postgres://a/?user=u&password=p&dbname=d', { user: 'u', password: 'p', host: 'a', database: 'd' }],
  ])('a URL of a server says where to connect: %s', (url, fields) => {
    expect(fieldsOf(url)).toEqual(fields);
  }); // prettier-ignore

  const secret = 'its user name or password holds a character that is written as %';
  test.each([
    ['', 'it does not begin with postgres://'],
    ['nonsense', 'it does not begin with postgres://'],
    ['http://u:S3cret@a/db', 'it does not begin with postgres:// or postgresql://'],
    ['postgres:u:S3cret@a/db', 'it does not begin with postgres:// or postgresql://'],
    ['postgres://u:S3#cret@a/db', 'its user name or password holds a #'],
    ['postgres://a/d#b', 'its database name holds a #'],
    ['postgres://a/db?x=1#y', 'its list of parameters holds a #'],
    ['postgres://u:S3/cret@a/db', secret],
    ['postgres://u:S3?cret@a/db', secret],
    ['postgres://u:12/S3cret@a/db', secret],
    ['postgres://u:S3%cret@a/db', 'its password has a % that begins no code of a character'],
    ['postgres://u:100%@a/db', 'its password has a % that begins no code of a character'],
    ['postgres://u%:S3cret@a/db', 'its user name has a %'],
    ['postgres://u:S3%FFcret@a/db', 'its password has a %'],
    ['postgres://u:S3%00cret@a/db', 'its password holds the character NUL'],
    ['postgres://a/d%b', 'its database name has a %'],
    ['postgres://u:S3cret@a:port/db', 'its port is not a number from 1 to 65535'],
    ['postgres://u:S3cret@a:0/db', 'its port is not a number from 1 to 65535'],
    ['postgres://u:S3cret@a:65536/db', 'its port is not a number from 1 to 65535'],
    ['postgres://u:S3cret@a/db?port=x', 'its port is not a number from 1 to 65535'],
    ['postgres://u:S3cret@:5432/db', 'its host is missing before the port'],
    ['postgres://u:S3cret@[::1/db', 'its host is neither a name nor an address'],
    ['postgres://u:S3cret@a b/db', 'its host is neither a name nor an address'],
  ])('a malformed URL is refused by the name of its part, and not shown: %s', (url, reason) => {
    const refused = (): unknown => fieldsOf(url);
    expect(refused).toThrow(`Cannot use the database URL because ${reason}`);
    expect(refused).toThrow(expect.objectContaining({ code: 'configuration_invalid' }));
    expect(refused).not.toThrow(/S3|cret/);
  });
});
