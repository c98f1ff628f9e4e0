/**
 * Arrays in PostgreSQL's text form, `{a,"b c",NULL}`. The driver quotes and escapes every element. Most elements here
 * are UUIDs and numbers, which need neither, and a batch has thousands of them. This halves the CPU time for arrays.
 */

/** Needs no quotes, and is not NULL. */
const plain = /^(?!null$)[\w.+:-]+$/i;

export function arrayLiteral(values: readonly unknown[]): string {
  let text = '{';
  for (let index = 0; index < values.length; index++) {
    if (index > 0) text += ',';
    const value = values[index];
    if (value === null || value === undefined) text += 'NULL';
    else if (typeof value === 'string') text += plain.test(value) ? value : quoted(value);
    else text += `${value as number | boolean}`;
  }
  return `${text}}`;
}

function quoted(value: string): string {
  const escaped = value.includes('\\') ? value.replaceAll('\\', '\\\\') : value;
  return `"${escaped.replaceAll('"', '\\"')}"`;
}
