/**
 * The rights of a client: `read:*`, `write:shop/orders`, `write:shop/*`, `write:public.orders`, `write:public.*`,
 * `operate`, `bodies`. Other words are ignored, because a token may have scopes for other services.
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

  /** Whether the client may read, or write, anything. */
  allowsSome(verb: ResourceVerb): boolean {
    for (const word of this.#words) if (word.startsWith(`${verb}:`)) return true;
    return false;
  }

  /** Whether the client may use pages and actions of operators. */
  get mayOperate(): boolean {
    return this.#words.has('operate');
  }

  /** Whether the client may see the content of documents on pages of operators. */
  get maySeeBodies(): boolean {
    return this.#words.has('bodies');
  }
}

/** Endpoints are compared without case; tables, functions and handlers are not. */
function normalized(word: string): string {
  if (word.includes('/')) return word.toLowerCase();
  const colon = word.indexOf(':');
  return word.slice(0, colon < 0 ? undefined : colon).toLowerCase() + (colon < 0 ? '' : word.slice(colon));
}

/**
 * Names of clients are not empty, because an empty name means all clients of a deployment without authentication.
 * They have no character that PostgreSQL cannot store, because they are inserted together with other writes.
 */
export function isClientName(name: unknown): name is string {
  return typeof name === 'string' && /^[\x20-\x7e]{1,255}$/.test(name);
}
