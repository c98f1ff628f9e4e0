// Model files and files of a load with something wrong in them.

import type { Rng } from '../chaos/rng.ts';
import { canary } from './hostile-documents.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const oddValues: readonly Json[] = [
  null, true, 0, -1, 1.5, 1e21, '', ' ', 'x', '$', '$.', '$..a', '$.a[0]', '$.a[*]', '$.a[*].b[*]', '$.__proto__', '$.constructor', '$.toString.name', '$.length', '$.nowhere', '$.id',
  'x/y', 'x/y/z', '/', 'a b/c', '__proto__', 'School', 'Sample', [], {}, [[]], [null], { a: 1 }, ['$.a', '$.a'], ['$.a', '$.b'], [{}], { type: 'nothing' }, { type: 'object', required: 'x' },
  { $ref: '#/nowhere' }, { pattern: '(' }, { type: 'object', properties: { schoolId: { $ref: 'http://evil.example/x' } } }, { minLength: -1 }, { format: 'nothing' }, 'x'.repeat(5_000),
]; // prettier-ignore

/** A copy with some places changed: values replaced, members dropped, renamed, doubled, exchanged. */
export function mutated(rng: Rng, json: unknown): Json {
  let root = json as Json;
  for (let changes = rng.pick([1, 1, 1, 2, 5]); changes > 0; changes--) root = changed(rng, root);
  return root;
}

/** Copies only what lies on the way to the place that is changed. */
function changed(rng: Rng, node: Json): Json {
  const isHolder = typeof node === 'object' && node !== null;
  if (!isHolder || Object.keys(node).length === 0 || rng.chance(0.12)) return rng.pick(oddValues);
  if (Array.isArray(node)) {
    const copy = [...node];
    const at = rng.int(0, copy.length - 1);
    switch (rng.int(0, 9)) {
      case 0:
        copy.splice(at, 1);
        break;
      case 1:
        copy.push(copy[at]!);
        break;
      case 2:
        copy.push(rng.pick(oddValues));
        break;
      default:
        copy[at] = changed(rng, copy[at]!);
    }
    return copy;
  }
  const entries = Object.entries(node);
  const at = rng.int(0, entries.length - 1);
  const [key, value] = entries[at]!;
  switch (rng.int(0, 9)) {
    case 0:
      entries.splice(at, 1);
      break;
    case 1:
      entries[at] = [rng.pick(['x', '__proto__', 'constructor', `${key}s`, key.toUpperCase(), '']), value];
      break;
    case 2:
      entries[at] = [key, rng.pick(entries)[1]];
      break;
    default:
      entries[at] = [key, changed(rng, value)];
  }
  return Object.fromEntries(entries);
}

/** The file's text, cut or with some bytes changed. */
export function mutatedText(rng: Rng, text: string): Buffer {
  const bytes = Buffer.from(text);
  switch (rng.int(0, 5)) {
    case 0:
      return bytes.subarray(0, rng.int(0, bytes.length));
    case 1:
      return Buffer.concat([Buffer.from(rng.pick(['\ufeff', '\u0000', 'x', '[', '//\n'])), bytes]);
    case 2:
      return Buffer.from(
        rng.pick([
          '',
          ' ',
          'null',
          '[]',
          '1',
          '"x"',
          '{}',
          '{"resources":[]}',
          '{"projectSchemas":{}}',
          '{"projectSchema":null}',
          '['.repeat(100_000),
        ]),
      );
    default:
      for (let changes = rng.int(1, 5); changes > 0; changes--)
        bytes[rng.int(0, bytes.length - 1)] = rng.int(0, 255);
      return bytes;
  }
}

/** A line of a load that no node takes; it is not blank. */
export function brokenLoadLine(rng: Rng, endpoint: string): Buffer {
  const text = rng.pick([
    'x', '{', '}', 'null', '1', '"x"', '[]', '{}', '\ufeff', `{"endpoint":"${endpoint}"}`, '{"document":{}}', '{"endpoint":null,"document":{}}', '{"endpoint":1,"document":{}}',
    '{"endpoint":{},"document":{}}', `{"endpoint":"${endpoint}","document":null}`, `{"endpoint":"${endpoint}","document":1}`, `{"endpoint":"${endpoint}","document":[]}`,
    `{"endpoint":"${endpoint}","document":{}}`, `{"endpoint":"/nowhere/x","document":{}}`, '{"endpoint":"","document":{}}', '{"endpoint":"../../healthz","document":{}}', '{"endpoint":"a b?c#d","document":{}}',
    '{"endpoint":"http://evil.example/x","document":{}}', '{"endpoint":"%","document":{}}', `{"endpoint":"${endpoint}\\u0000","document":{}}`, '{"endpoint":"\\ud800","document":{}}', `{"endpoint":"\\r\\nX: y","document":{}}`,
    `{"endpoint":"${endpoint}","document":{"code":"x","v":"\\u0000"}}`, `{"endpoint":"${endpoint}","document":{"code":"x","v":1e400}}`, `{"endpoint":"${endpoint}","document":{"code":"x","v":9007199254740993}}`,
    `{"endpoint":"${endpoint}","document":{"code":"${canary}","code":"x"}}`, `{"endpoint":"${endpoint}","document":{"code":"${canary}"}`, `{"endpoint":"${endpoint}","document":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
    `{"__proto__":{"endpoint":"${endpoint}"},"document":{"code":"x"}}`, `{"endpoint":"${endpoint}","document":{"code":["${canary}"]}}`, `{"endpoint":"${'e'.repeat(20_000)}","document":{}}`,
  ]); // prettier-ignore
  if (rng.chance(0.1))
    return Buffer.from([
      ...Buffer.from(`{"endpoint":"${endpoint}","document":{"code":"`),
      0xff,
      0x22,
      0x7d,
      0x7d,
    ]);
  return Buffer.from(text);
}
