// JSON texts compared by what they say, each number by all its digits: what JavaScript would round is told apart.

const token = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/gs;

/** The parsed text with a text in place of each number: NUL, which no stored string holds, and the number as `jsonb` writes it. */
export function exactJson(json: string): unknown {
  return JSON.parse(
    json.replaceAll(token, (text) => (text[0] === '"' ? text : `"\\u0000${numericText(text)}"`)),
  );
}

/** A number as PostgreSQL's `numeric` writes it: no exponent, and as many decimal places as were given. */
export function numericText(literal: string): string {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const exponent = Number(power);
  if (Math.abs(exponent) > 20_000) return literal;
  const scale = Math.max(0, fraction.length - exponent);
  const digits = (whole + fraction + '0'.repeat(Math.max(0, exponent - fraction.length))).padStart(
    scale + 1,
    '0',
  );
  const head = digits.slice(0, digits.length - scale).replace(/^0+(?=\d)/, '');
  const text = scale === 0 ? head : `${head}.${digits.slice(-scale)}`;
  return /[1-9]/.test(text) ? sign + text : text;
}
