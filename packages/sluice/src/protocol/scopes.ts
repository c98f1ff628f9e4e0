/**
 * What a client may do: `read:*`, `write:shop/orders`, `write:shop/*`, `operate`, `bodies`. Words that are none of
 * these are passed over, as a token's scopes may be meant for others too.
 */

export type ResourceVerb = 'read' | 'write';

/** The end of the sentence "… is not". */
export const scopeForm =
  'read:RESOURCE, write:RESOURCE, operate or bodies, where RESOURCE is *, shop/* or shop/orders';

const form = /^(?:(?:read|write):(?:\*|[\w.-]+\/(?:\*|[\w.-]+))|operate|bodies)$/i;

export function isScope(word: string): boolean {
  return form.test(word);
}

export class Scopes {
  readonly #words: ReadonlySet<string>;

  constructor(words: Iterable<string>) {
    // Endpoints are the same in any case.
    this.#words = new Set([...words].filter(isScope).map((word) => word.toLowerCase()));
  }

  /** @param endpoint e.g. `shop/orders` */
  allows(verb: ResourceVerb, endpoint: string): boolean {
    const words = this.#words;
    if (words.has(`${verb}:*`)) return true;
    const name = endpoint.toLowerCase();
    return words.has(`${verb}:${name}`) || words.has(`${verb}:${name.slice(0, name.indexOf('/'))}/*`);
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

/**
 * Names of clients: none is empty, as that is everybody where nobody is asked, and none holds what PostgreSQL cannot
 * store, as it goes with a write into an insert of many.
 */
export function isClientName(name: unknown): name is string {
  return typeof name === 'string' && /^[\x20-\x7e]{1,255}$/.test(name);
}
