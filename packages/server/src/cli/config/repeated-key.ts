/**
 * A key that an object of a JSON text has twice. The parser keeps the last one and drops the others silently, so a copied
 * entry that nobody renamed would take the place of another.
 */

/** @param text Valid JSON. @returns null if every object has each key once */
export function repeatedKey(text: string): string | null {
  const open: Set<string>[] = [];
  for (const [token, string, colon] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*(:?)|[{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (colon === ':') {
      const key = JSON.parse(string!) as string;
      const keys = open.at(-1);
      if (keys?.has(key) === true) return key;
      keys?.add(key);
    }
  }
  return null;
}
