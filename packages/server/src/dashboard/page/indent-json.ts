/** Indents JSON text with a line for each member. Numbers and strings stay as written, because parsing would round some. */
export function indentJson(text: string): string {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let depth = 0;
  let out = '';
  tokens.forEach((token, index) => {
    const isEmpty = tokens[index - 1] === '{' || tokens[index - 1] === '[';
    if (token === '}' || token === ']') {
      depth -= 1;
      out += isEmpty ? token : `${line(depth)}${token}`;
      return;
    }
    if (isEmpty) out += line(depth);
    if (token === '{' || token === '[') depth += 1;
    out += token === ':' ? ': ' : token;
    if (token === ',') out += line(depth);
  });
  return out;
}

function line(depth: number): string {
  return `\n${'  '.repeat(depth)}`;
}
