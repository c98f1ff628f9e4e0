/**
 * What a client may do: `read:*`, `write:shop/orders`, `write:shop/*`, `write:public.orders`, `write:public.*`, `operate`,
 * `bodies`. Words that are none of these are passed over, because a token's scopes may be meant for others too.
 */

export type ResourceVerb = 'read' | 'write';

/** The end of the sentence "… is not". */
export const scopeForm =
  'read:RESOURCE, write:RESOURCE, operate or bodies, where RESOURCE is *, shop/*, shop/orders, public.* or public.orders';

const form = /^(?:(?:read|write):(?:\*|[\w.-]+\/(?:\*|[\w.-]+)|[\w.-]+|[\w-]+\.\*)|operate|bodies)$/i;

export function isScope(word: string): boolean {
  return form.test(word);
}

export class Scopes {
  readonly #words: ReadonlySet<string>;

  constructor(words: Iterable<string>) {
    this.#words = new Set([...words].filter(isScope).map(normalized));
  }

  /** @param resource Endpoint or name of a target, e.g. `shop/orders`, `public.orders` */
  allows(verb: ResourceVerb, resource: string): boolean {
    const words = this.#words;
    if (words.has(`${verb}:*`)) return true;
    const word = normalized(`${verb}:${resource}`);
    if (words.has(word)) return true;
    const end = word.includes('/') ? word.indexOf('/') : word.indexOf('.');
    return end > 0 && words.has(`${word.slice(0, end + 1)}*`);
  }

  /** Whether there is anything at all that it may read, or write. */
  allowsSome(verb: ResourceVerb): boolean {
    for (const word of this.#words) if (word.startsWith(`${verb}:`)) return true;
    return false;
  }

  /** Operators' pages and actions. */
  get mayOperate(): boolean {
    return this.#words.has('operate');
  }

  /** What documents contain, on operators' pages. */
  get maySeeBodies(): boolean {
    return this.#words.has('bodies');
  }
}

/** Endpoints are the same in any case; tables, functions and handlers are not. */
function normalized(word: string): string {
  if (word.includes('/')) return word.toLowerCase();
  const colon = word.indexOf(':');
  return word.slice(0, colon < 0 ? undefined : colon).toLowerCase() + (colon < 0 ? '' : word.slice(colon));
}

/**
 * Names of clients: none is empty, because that is everybody where nobody is asked, and none holds what PostgreSQL cannot
 * store, because it goes with a write into an insert of many.
 */
export function isClientName(name: unknown): name is string {
  return typeof name === 'string' && /^[\x20-\x7e]{1,255}$/.test(name);
}
