/**
 * Comparison without case. The database never folds a letter beyond ASCII, because its `lower()` depends on locale
 * and version. A search sends the letters that count as equal (`caseVariants`, and `findDocuments` in
 * sql/queries/document.sql).
 *
 * Each letter is folded independently of its neighbours: `ΟΔΟΣ`, `οδος` and `οδοσ` are the same. Composed and
 * decomposed forms (NFC, NFD) differ.
 */

export function foldCase(text: string): string {
  return isAscii(text) ? text.toLowerCase() : Array.from(text, foldLetter).join('');
}

/** Letters beyond ASCII that fold to a letter of a folded text, each with that letter: two texts of the same length. */
export function caseVariants(folded: string): { from: string; to: string } {
  variantsOf ??= allVariants();
  let from = '';
  let to = '';
  for (const letter of new Set(folded)) {
    for (const variant of variantsOf.get(letter) ?? []) {
      from += variant;
      to += letter;
    }
  }
  return { from, to };
}

/** The only letter that folds to two: `i` and a combining dot. The statements name it as character 304. */
const dottedCapitalI = '\u0130';
/** No cased letters lie beyond the first two planes. */
const casedMax = 0x1ffff;
let variantsOf: Map<string, string[]> | undefined;

function foldLetter(letter: string): string {
  return letter === 'ς' ? 'σ' : letter.toLowerCase();
}

function allVariants(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (let code = 0x80; code <= casedMax; code++) {
    const letter = String.fromCodePoint(code);
    const folded = foldLetter(letter);
    if (folded === letter || letter === dottedCapitalI) continue;
    const known = found.get(folded);
    if (known === undefined) found.set(folded, [letter]);
    else known.push(letter);
  }
  return found;
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x7f) return false;
  return true;
}
