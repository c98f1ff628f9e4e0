/**
 * One line of a load: `{"endpoint": "/shop/orders", "document": {…}}`. The text of the document is sent as it is in
 * the line, because parsing and printing would change a number such as 2^53+1.
 */

export interface LoadLine {
  /** Place of the line: `students.ndjson:12`. */
  source: string;
  /** `shop/orders`, without a leading slash. */
  endpoint: string;
  /** The document's own text. */
  body: string;
  /** The same, parsed. */
  document: unknown;
}

const endpointForm = /^\/?[\w.-]+\/[\w.-]+$/;

/** @throws {Error} with a sentence that shows nothing of the line */
export function parseLoadLine(text: string, source: string): LoadLine {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Error('is not JSON');
  }
  const { endpoint, document } = (parsed ?? {}) as Record<string, unknown>;
  if (typeof endpoint !== 'string' || document === undefined)
    throw new Error('has no "endpoint" or no "document"');
  // If an invalid part of a URL were sent, it would look like a node that does not answer.
  if (!endpointForm.test(endpoint))
    throw new Error('has an "endpoint" that is not a path such as /shop/orders');
  return { source, endpoint: endpoint.replace(/^\//, ''), body: sliceMember(text, 'document'), document };
}

/** The text of a member of the object in `json`, which is valid. Of a repeated name, the last one counts. */
function sliceMember(json: string, name: string): string {
  let found = '';
  let at = json.indexOf('{') + 1;
  for (;;) {
    const keyStart = json.indexOf('"', at);
    if (keyStart < 0) return found;
    const keyEnd = endOfString(json, keyStart);
    const valueStart = json.indexOf(':', keyEnd) + 1;
    const valueEnd = endOfValue(json, valueStart);
    if (JSON.parse(json.slice(keyStart, keyEnd)) === name) found = json.slice(valueStart, valueEnd).trim();
    at = valueEnd;
  }
}

/** End of the value that starts at `start`: at the comma or bracket of its container. */
function endOfValue(json: string, start: number): number {
  let depth = 0;
  for (let at = start; at < json.length; at++) {
    switch (json[at]) {
      case '"':
        at = endOfString(json, at) - 1;
        break;
      case '{':
      case '[':
        depth += 1;
        break;
      case '}':
      case ']':
        if (depth === 0) return at;
        depth -= 1;
        break;
      case ',':
        if (depth === 0) return at;
        break;
      default:
    }
  }
  return json.length;
}

/** Place after the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  for (let at = start + 1; ; at++) {
    if (json[at] === '\\') at += 1;
    else if (json[at] === '"') return at + 1;
  }
}
