import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isWide } from '../../../../test/support/breadth.ts';
import { JsonScanner } from './json-scanner.ts';

/** A tenth of the texts in a narrow run. */
const runs = (wide: number): { numRuns: number } => ({ numRuns: isWide ? wide : wide / 10 });
const limits = { depthMax: 64, keysMax: 10_000, arrayLengthMax: 10_000, stringLengthMax: 100_000 };
const scanner = new JsonScanner(limits);
const offenceOf = (text: string) => scanner.scan(Buffer.from(text)).offence;
const pathOf = (text: string) => offenceOf(text)?.path ?? null;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('a text that would not be stored as it is', () => {
  test.each([
    ['a NUL escape in a value', '{"a":{"b":["x","\\u0000"]}}', '$.a.b[1]'],
    ['a NUL escape in a key', '{"a":{"\\u0000":1}}', '$.a'],
    ['a NUL escape in a later key', '{"a":1,"\\u0000":1}', '$'],
    ['a lone high surrogate', '{"a":"\\ud800"}', '$.a'],
    ['a lone low surrogate', '{"a":"\\udc00x"}', '$.a'],
    ['a high surrogate before another escape', '{"a":"\\ud800\\n"}', '$.a'],
    ['a high surrogate before a high one', '{"a":"\\ud800\\ud800"}', '$.a'],
    ['a raw NUL', '{"a":"x\u0000"}', '$.a'],
    ['a number beyond doubles', '{"a":1e400}', '$.a'],
    ['a number beyond numeric', '{"a":[0,1e131073]}', '$.a[1]'],
    ['a number with an absurd exponent', '{"a":1e999999999}', '$.a'],
    ['a zero with an absurd exponent', '{"a":0e999999999}', '$.a'],
    ['a number too close to zero', '{"a":-1e-20000}', '$.a'],
    ['an integer that is rounded', '{"a":9007199254740993}', '$.a'],
    ['a fraction that is rounded', '{"a":0.12345678901234567890}', '$.a'],
    ['a number of endless digits', `{"a":1${'0'.repeat(2000)}}`, '$.a'],
    ['a duplicate key', '{"a":{"x":1,"y":2,"x":3}}', '$.a.x'],
    ['a duplicate key, spelled differently', '{"ab":1,"\\u0061b":2}', '$["\\u0061b"]'],
    ['a duplicate __proto__', '{"__proto__":1,"__proto__":2}', '$.__proto__'],
    ['a byte order mark', '\ufeff{}', '$'],
    ['a value that stands where a name should', '{"a":{"b":1,"Maria Gonzalez"}}', '$.a'],
    ['nothing', '', '$'],
    ['spaces', ' \n', '$'],
    ['NaN', '{"a":NaN}', '$.a'],
    ['a number with a leading zero', '{"a":01}', '$.a'],
    ['a number without an end', '{"a":-}', '$.a'],
    ['a comma too many', '{"a":[1,]}', '$.a[1]'],
    ['a second value', '{} {}', '$'],
    ['deep nesting', '['.repeat(65) + ']'.repeat(65), '$' + '[0]'.repeat(64)],
    ['very deep nesting', '{"a":'.repeat(1_000_000), '$' + '.a'.repeat(64)],
  ])('a text with %s is refused at its path', (_what, text, path) => {
    expect(pathOf(text)).toBe(path);
  });

  test.each([
    'Maria',
    'tMaria',
    'fMaria',
    '"Maria',
    '-Maria',
    '1Maria',
    '"Maria\\u0000"',
    '"Maria" 1',
    '["Maria",]',
  ])('a text with a fault is refused and not quoted: %s', (value) => {
    const offence = offenceOf(`{"a":${value}}`);
    expect(offence).not.toBeNull();
    expect(JSON.stringify(offence)).not.toContain('Maria');
  });

  test('a text with a duplicate among many keys is refused', () => {
    const keys = Array.from({ length: 500 }, (_, index) => `"key${index}":${index}`);
    expect(pathOf(`{${keys.join()}}`)).toBeNull();
    expect(pathOf(`{${keys.join()},"key3":0}`)).toBe('$.key3');
    expect(pathOf(`{${keys.join()},"key499":0}`)).toBe('$.key499');
  });

  test('a text with bytes that are not UTF-8 is refused at their path', () => {
    const broken = (...bytes: number[]) =>
      Buffer.concat([Buffer.from('{"a":"é","b":["'), Buffer.from(bytes), Buffer.from('"]}')]);
    expect(scanner.scan(broken(0xc3, 0xa9)).offence).toBeNull();
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf5, 0x80, 0x80, 0x80]]) {
      expect(scanner.scan(broken(...bytes)).offence?.path).toBe('$.b[0]');
    }
    expect(scanner.scan(Buffer.from([0x7b, 0xff, 0x7d])).offence?.path).toBe('$');
    expect(scanner.scan(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])).offence?.path).toBe('$');
  });

  test.each([
    ['{"a":1,\n "b":,}', 2, 6],
    ['{\r\n\r\n"a" 1}', 3, 5],
    ['{"ä😀": nul}', 1, 8],
    ['{"a":"x\n"}', 1, 8],
    ['{"a":"é\\q"}', 1, 8],
    ['{"a":"\\u12"}', 1, 7],
    ['{"a":"b\\uD800c"}', 1, 8],
    ['{"a":\n"\\u0000"}', 2, 2],
    ['{"a":"never', 1, 12],
    ['{"a":"\\', 1, 7],
    ['[1,\n2,\n  03]', 3, 3],
    ['[1\n', 2, 1],
    ['{"a":1,"a":2}', 1, 8],
    ['{"a":[1 2]}', 1, 9],
    ['', 1, 1],
  ])('a refused text is reported with the line and the column of its fault: %j', (text, line, column) => {
    expect(offenceOf(text)).toMatchObject({ line, column });
  });

  test('a refused text is reported without its values', () => {
    expect(offenceOf('{"a":"secret\\u0000"}')?.message).not.toContain('secret');
    expect(offenceOf('{"a":12345678901234567890123}')?.message).not.toContain('123');
  });

  test('a text with too many keys or too long a string is refused', () => {
    const small = new JsonScanner({ depthMax: 3, keysMax: 3, arrayLengthMax: 3, stringLengthMax: 4 });
    expect(small.scan(Buffer.from('{"a":1,"b":[{"c":"abcd"}]}')).offence).toBeNull();
    expect(small.scan(Buffer.from('{"a":1,"b":[{"c":1,"d":1}]}')).offence?.path).toBe('$.b[0].d');
    expect(small.scan(Buffer.from('{"a":"abcde"}')).offence?.path).toBe('$.a');
    expect(small.scan(Buffer.from('{"a":[[[1]]]}')).offence?.path).toBe('$.a[0][0]');
  });
});

describe('a text that is stored as it is', () => {
  test.each([
    '{"a":1.0,"b":-0,"c":1e2,"d":1E+2,"e":0.1,"f":9007199254740991,"g":9007199254740992}',
    '{"a":5e-324,"b":1.7976931348623157e308,"c":0.30000000000000004,"d":-0.0,"e":1e22,"f":100000000000000000000}',
    '{"a":"\\ud83d\\ude00","b":"😀","c":"\\u0001","d":"\\"\\\\\\/\\b\\f\\n\\r\\t"}',
    '{"__proto__":{"constructor":1},"constructor":2,"":3}',
    ' {\t"a" :\r\n[ ] , "b":{ } , "c":[ null , true , false ] } ',
    '{"a":{"x":1},"b":{"x":1},"c":[{"x":1},{"x":1}]}',
    '"text"',
    '0',
    'null',
    '['.repeat(64) + ']'.repeat(64),
  ])('a text that is stored as it is passes: %s', (text) => {
    expect(offenceOf(text)).toBeNull();
    expect(isJson(text)).toBe(true);
  });
});

describe('the watched member', () => {
  test.each([
    ['{"id":1}', '1'],
    [' { "x" : [1,{"id":2}] , "id" : { "a":[1,2], "id":3 } , "y":1}', '{ "a":[1,2], "id":3 }'],
    ['{"x":{"id":2},"id":"a,}\\"b" }', '"a,}\\"b"'],
    ['{"\\u0069d":[],"y":[]}', '[]'],
    ['{"id":{}  }', '{}'],
    ['{"id":-12.5e3,"z":null}', '-12.5e3'],
    ['{"id": null}', 'null'],
  ])('the watched member of %s is found', (text, value) => {
    const { member } = scanner.scan(Buffer.from(text), 'id');
    expect(Buffer.from(text).toString('utf8', member!.valueStart, member!.end)).toBe(value);
  });

  test.each(['{"x":{"id":1}}', '[{"id":1}]', '{}', '"id"'])('the watched member of %s is absent', (text) => {
    expect(scanner.scan(Buffer.from(text), 'id').member).toBeNull();
  });
});

describe('any text', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀', '"', '\\', '\n', '_'), maxLength: 3 });
  const leaf = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('value'), { maxLength: 5 }),
      fc.dictionary(key, tie('value'), { maxKeys: 6 }),
    ),
  }));
  /** What JavaScript writes, in any layout; NUL is the one character of it that PostgreSQL refuses. */
  const written = fc
    .tuple(value, fc.constantFrom('', ' ', '\n\t'))
    .map(([json, indent]) => JSON.stringify(json, null, indent))
    .filter((text) => !text.includes('\\u0000'));

  test('a text that JavaScript wrote passes', () => {
    fc.assert(
      fc.property(written, (text) => {
        expect(offenceOf(text)).toBeNull();
      }),
      runs(2_000),
    );
  });

  test('a text damaged by one character passes only if it is JSON', () => {
    const damage = fc.constantFrom('', ...Array.from('{}[],:"\\\u0000 0123456789-+.eEtrufalsn\ufeff\u00a0'));
    fc.assert(
      fc.property(written, fc.nat(), damage, fc.boolean(), (text, place, character, inserts) => {
        const at = place % (text.length + 1);
        const damaged = text.slice(0, at) + character + text.slice(inserts ? at : at + 1);
        expect(isRightOf(damaged)).toBe(true);
      }),
      runs(20_000),
    );
  });

  test('a text of random tokens passes exactly if it is JSON without offence', () => {
    const tokens = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '"\\u0061"',
      '1',
      '-',
      '0',
      '.5',
      'e3',
      'true',
    ];
    const token = fc.constantFrom(...tokens, 'nul', 'null', ' ', '"', '\\');
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (tokens) => {
        expect(isRightOf(tokens.join(''))).toBe(true);
      }),
      runs(50_000),
    );
  });

  test('scanner and JavaScript read the numbers of a text alike', () => {
    const digits = (max: number) =>
      fc.string({ unit: fc.integer({ min: 0, max: 9 }).map(String), maxLength: max });
    const literal = fc
      .tuple(fc.constantFrom('', '-'), digits(25), digits(25), fc.option(fc.integer({ min: -400, max: 400 })))
      .map(([sign, whole, fraction, exponent]) => {
        const head = whole.replace(/^0+(?=\d)/, '') || '0';
        return `${sign}${head}${fraction && `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`;
      });
    fc.assert(
      fc.property(literal, (text) => {
        expect(offenceOf(`[${text}]`) === null).toBe(isExact(text, String(Number(text))));
      }),
      runs(20_000),
    );
  });
});

/** Whether the scanner lets pass what is JSON, and refuses it only for what it refuses beyond the grammar. */
function isRightOf(text: string): boolean {
  const message = offenceOf(text)?.message;
  return message === undefined || !message.includes('not valid JSON')
    ? isJson(text) || (message ?? '') !== ''
    : !isJson(text);
}

/** Compares decimals as fractions of big integers. */
function isExact(left: string, right: string): boolean {
  if (!Number.isFinite(Number(left))) return false;
  const [a, b] = [fractionOf(left), fractionOf(right)];
  return a[0] * b[1] === b[0] * a[1];
}

function fractionOf(literal: string): [bigint, bigint] {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const power = Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  return power >= 0 ? [digits * 10n ** BigInt(power), 1n] : [digits, 10n ** BigInt(-power)];
}
