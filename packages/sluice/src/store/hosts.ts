/**
 * Servers in the order of preference, of which one takes writes: `postgres://u:p@a,b:5433/db`, or several URLs
 * between commas. All connections of a process share the server to try next. A standby is skipped, as with
 * `target_session_attrs=read-write`. Where Citus places a schema, its home comes first (home.ts).
 */
import { defaultSchema } from './schema.ts';

export class Hosts {
  readonly #urls: readonly string[];
  #index = 0;
  #home: string | null = null;
  readonly #watchers = new Set<() => void>();
  /** Whether Citus places the schema on one of its nodes. Null: it must be asked. */
  isPlaced: boolean | null = null;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  /** The URL of the server to try. */
  get current(): string {
    return this.#home ?? (this.#urls[this.#index] as string);
  }

  /** How many servers there are to try. */
  get count(): number {
    return this.#urls.length + (this.#home === null ? 0 : 1);
  }

  /** That server cannot be used, so the next one is tried, unless another caller has already advanced. */
  leave(url: string): void {
    if (url !== this.current) return;
    this.isPlaced = null;
    if (this.#home === null) this.#index = (this.#index + 1) % this.#urls.length;
    else this.#moveTo(null);
  }

  /** From now on, connections go to this node. */
  goHome(address: string): void {
    const url = this.current.replace(/^(\w+:\/\/(?:[^/?]*@)?)[^/?]*/, (_, start: string) => start + address);
    if (url !== this.current) this.#moveTo(url);
  }

  /** Calls back when connections to the previous home are of no more use. */
  watch(onMove: () => void): () => void {
    this.#watchers.add(onMove);
    return () => void this.#watchers.delete(onMove);
  }

  #moveTo(home: string | null): void {
    this.#home = home;
    for (const tell of this.#watchers) tell();
  }
}

const known = new Map<string, Hosts>();

/** Returns the same object for equal URLs and schemas. */
export function hostsOf(url: string, schema: string = defaultSchema): Hosts {
  const key = `${schema} ${url}`;
  let hosts = known.get(key);
  if (hosts === undefined) known.set(key, (hosts = new Hosts(splitUrl(url))));
  return hosts;
}

/** One URL for each server. */
export function splitUrl(url: string): string[] {
  return url.split(/,(?=postgres(?:ql)?:\/\/)/).flatMap((each) => {
    const match = /^(\w+:\/\/(?:[^/?]*@)?)([^/?]*)(.*)$/.exec(each);
    if (match === null) return [each];
    const [, start = '', hosts = '', rest = ''] = match;
    return hosts.split(',').map((host) => start + host + withoutAttrs(rest));
  });
}

/** Removes parameters of a libpq URL about the kind of server, which are implied. */
function withoutAttrs(rest: string): string {
  return rest
    .replace(/([?&])target_session_attrs=[^&]*(&|$)/, (_, before: string, after: string) =>
      after === '' ? '' : before,
    )
    .replace(/\?$/, '');
}
