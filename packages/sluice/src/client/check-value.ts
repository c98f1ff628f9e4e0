/**
 * Values that PostgreSQL certainly refuses for a type, by the form of the JSON value alone. The type receives it as
 * from `jsonb_populate_record`: strings unchanged, other values as JSON text. Uncertain values pass, because the
 * database decides.
 */
import type { Column } from '#targets';

/** What a value must be, to end the sentence "amount …", and what PostgreSQL would answer. */
export interface ValueFault {
  message: string;
  /** @default '22P02': no text of the type */
  sqlState?: string;
}

/** Null: the value is not certainly wrong. */
export type Check = (value: unknown) => ValueFault | null;

/** The check for values of a column that are not null. */
export function checkOf(column: Column): Check | null {
  const { baseType, category, maxLength, labels, type } = column;
  if (category === 'A' && baseType.startsWith('_')) return arrayOf(baseType.slice(1));
  if (category === 'C') return composite;
  if (category === 'E' && labels !== null) return labelOf(labels);
  if (maxLength !== null && (baseType === 'varchar' || baseType === 'bpchar')) return textOf(maxLength);
  if (baseType === 'numeric') return numericOf(type);
  return checks.get(baseType) ?? null;
}

const checks = new Map<string, Check>([
  ['int2', integerOf('smallint', -32_768, 32_767)],
  ['int4', integerOf('integer', -2_147_483_648, 2_147_483_647)],
  // Where JavaScript rounds, the bounds themselves pass.
  ['int8', integerOf('bigint', -(2 ** 63), 2 ** 63)],
  ['float4', floatOf('real', 3.5e38)],
  ['float8', floatOf('double precision', Number.MAX_VALUE)],
  ['numeric', numericOf('')],
  ['bool', boolean],
  ['uuid', uuid],
  ['date', time('a date')],
  ['time', time('a time')],
  ['timetz', time('a time')],
  ['timestamp', time('a timestamp')],
  ['timestamptz', time('a timestamp')],
  ['interval', time('an interval')],
  ['bytea', bytes],
]);

const space = '[ \\t\\n\\v\\f\\r]*';
/** Since PostgreSQL 16, also with a base and with underscores. */
const integerText = new RegExp(`^${space}[+-]?(?:\\d|_\\d|0[xob])[\\da-f_]*${space}$`, 'i');
const plainInteger = new RegExp(`^${space}[+-]?\\d+${space}$`);
const floatText = new RegExp(`^${space}[+-]?(?:nan|inf|[\\d.])[\\w.()+-]*${space}$`, 'i');
const plainDecimal = new RegExp(`^${space}[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?${space}$`, 'i');

function integerOf(name: string, min: number, max: number): Check {
  const isOutside = (number: number): boolean => number < min || number > max;
  return (value) => {
    if (typeof value === 'number') {
      if (!Number.isInteger(value)) return { message: `must be a whole number (${name})` };
      return isOutside(value) ? { message: `is out of the range of ${name}`, sqlState: '22003' } : null;
    }
    if (typeof value !== 'string' || !integerText.test(value))
      return { message: `must be a whole number (${name})` };
    return plainInteger.test(value) && isOutside(Number(value))
      ? { message: `is out of the range of ${name}`, sqlState: '22003' }
      : null;
  };
}

function floatOf(name: string, max: number): Check {
  return (value) => {
    if (typeof value === 'number')
      return Math.abs(value) > max ? { message: `is out of the range of ${name}`, sqlState: '22003' } : null;
    if (typeof value !== 'string' || !floatText.test(value)) return { message: `must be a number (${name})` };
    return plainDecimal.test(value) && Math.abs(Number(value)) > max
      ? { message: `is out of the range of ${name}`, sqlState: '22003' }
      : null;
  };
}

/** @param type E.g. `numeric(10,2)`: eight digits before the point. Rounding never lowers a number below a power of ten. */
function numericOf(type: string): Check {
  const [, precision, scale] = /^numeric\((\d+),(-?\d+)\)$/.exec(type) ?? [];
  const bound = precision === undefined ? Infinity : Number(`1e${Number(precision) - Number(scale)}`);
  // With few digits, JavaScript rounds no number to a lower bound.
  const isExact = Number(precision) < 15;
  const isOutside = (number: number): boolean =>
    Math.abs(number) > bound || (isExact && Math.abs(number) === bound);
  return (value) => {
    if (typeof value === 'number')
      return isOutside(value) ? { message: `does not fit into ${type}`, sqlState: '22003' } : null;
    if (typeof value !== 'string' || !floatText.test(value)) return { message: 'must be a number (numeric)' };
    return plainDecimal.test(value) && isOutside(Number(value))
      ? { message: `does not fit into ${type}`, sqlState: '22003' }
      : null;
  };
}

const booleanText = new RegExp(
  `^${space}(?:t|tr|tru|true|f|fa|fal|fals|false|y|ye|yes|n|no|on|of|off|1|0)${space}$`,
  'i',
);

function boolean(value: unknown): ValueFault | null {
  if (typeof value === 'boolean' || value === 0 || value === 1) return null;
  return typeof value === 'string' && booleanText.test(value) ? null : { message: 'must be true or false' };
}

function uuid(value: unknown): ValueFault | null {
  const isUuid = typeof value === 'string' && /^[\da-f]{32}$/i.test(value.replaceAll(/[{}-]/g, ''));
  // A number of 32 digits is a UUID, too.
  return isUuid || (typeof value === 'number' && value >= 1e31) ? null : { message: 'must be a UUID' };
}

const timeWord = /now|today|tomorrow|yesterday|epoch|inf|allballs/i;

/** Dates have many words and orders of parts, so only the form of ISO 8601 is checked. */
function time(name: string): Check {
  const fault = { message: `must be ${name}` };
  return (value) => {
    if (typeof value === 'boolean') return fault;
    if (typeof value !== 'string') return null;
    // A point alone is an interval.
    if (!/[\d.]/.test(value)) return timeWord.test(value) ? null : fault;
    const [, year, month, day, hour, minute] =
      /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?(?![\d:])/.exec(value) ?? [];
    if (year === undefined || name === 'an interval') return null;
    const days = new Date(Date.UTC(2000, Number(month), 0)).getUTCDate();
    const isDay = Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= days;
    return isDay && Number(hour ?? 0) <= 24 && Number(minute ?? 0) < 60 ? null : fault;
  };
}

function bytes(value: unknown): ValueFault | null {
  if (typeof value !== 'string' || !value.startsWith('\\x')) return null;
  const isHex = /^(?:[\da-f]{2})*$/i.test(value.slice(2).replaceAll(/[ \t\n\v\f\r]/g, ''));
  return isHex ? null : { message: 'must be bytes: \\x and pairs of hexadecimal digits' };
}

/** Trailing spaces are removed and not counted. */
function textOf(maxLength: number): Check {
  return (value) => {
    const text = scalarText(value);
    if (text === null || text.length <= maxLength) return null;
    // Characters are counted; a pair of surrogates is one.
    const length = Array.from(text.replace(/ +$/, '')).length;
    return length > maxLength
      ? { message: `is longer than ${maxLength} characters`, sqlState: '22001' }
      : null;
  };
}

/** The text of a value in a text column; of a number, the shortest possible text; null: not known here. */
function scalarText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'number') return null;
  const text = String(value);
  return text.includes('e') ? null : text;
}

function labelOf(labels: readonly string[]): Check {
  const known = new Set(labels);
  return (value) => {
    if (typeof value !== 'string' && typeof value !== 'boolean') return null;
    return known.has(String(value)) ? null : { message: `must be one of ${labels.join(', ')}` };
  };
}

function composite(value: unknown): ValueFault | null {
  const isForm = typeof value === 'string' || (typeof value === 'object' && !Array.isArray(value));
  return isForm ? null : { message: 'must be an object of the fields of its type, or the text of a row' };
}

/** Nested arrays are dimensions; a string is the text of an array. */
function arrayOf(elementType: string): Check {
  const check = checks.get(elementType) ?? null;
  const checkElement = (element: unknown): ValueFault | null => {
    if (element === null || check === null) return null;
    if (!Array.isArray(element)) return check(element);
    for (const inner of element) {
      const fault = checkElement(inner);
      if (fault !== null) return fault;
    }
    return null;
  };
  const noArray = { message: 'must be an array, or the text of one' };
  return (value) => {
    if (typeof value === 'string') return /^[ \t\n\v\f\r]*[[{]/.test(value) ? null : noArray;
    if (!Array.isArray(value)) return noArray;
    const fault = checkElement(value);
    return fault && { ...fault, message: `has an element that ${fault.message}` };
  };
}
