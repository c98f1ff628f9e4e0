/**
 * One spelling for equal JSON values: no whitespace, keys sorted by UTF-16 code unit, recursively. Built as text rather
 * than by sorting a copy, in which a key `__proto__` would vanish.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    let text = `[${canonicalJson(value[0])}`;
    for (let index = 1; index < value.length; index++) text += `,${canonicalJson(value[index])}`;
    return `${text}]`;
  }
  const object = value as Record<string, unknown>;
  let text = '';
  for (const key of Object.keys(object).sort()) {
    const member = object[key];
    if (member === undefined) continue;
    text += `${text === '' ? '{' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`;
  }
  return text === '' ? '{}' : `${text}}`;
}
