/**
 * Servers in the order of preference, of which one takes writes: `postgres://u:p@a,b:5433/db`, or several URLs
 * between commas. All connections of a process share the server to try next. A standby is skipped, as with
 * `target_session_attrs=read-write`.
 */

export class Hosts {
  readonly #urls: readonly string[];
  #index = 0;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  /** The URL of the server to try. */
  get current(): string {
    return this.#urls[this.#index] as string;
  }

  get count(): number {
    return this.#urls.length;
  }

  /** That server cannot be used, so the next one is tried, unless another caller has already advanced. */
  leave(url: string): void {
    if (url === this.current) this.#index = (this.#index + 1) % this.#urls.length;
  }
}

const known = new Map<string, Hosts>();

/** Returns the same object for equal URLs. */
export function hostsOf(url: string): Hosts {
  let hosts = known.get(url);
  if (hosts === undefined) known.set(url, (hosts = new Hosts(splitUrl(url))));
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
