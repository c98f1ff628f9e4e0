// Reads what a process tells Prometheus, in its text form.

export interface Family {
  help: string;
  type: string;
}

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Scrape {
  families: Map<string, Family>;
  samples: Sample[];
  /** The one sample of this name whose labels include these; NaN: there is none. */
  value(name: string, labels?: Record<string, string>): number;
}

export async function scrape(url: string): Promise<Scrape> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`Cannot scrape ${url}: it answers ${response.status}`);
  return parseScrape(await response.text());
}

export function parseScrape(text: string): Scrape {
  const families = new Map<string, Family>();
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const [, kind, name = '', words = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind !== undefined) {
      const family = families.get(name) ?? { help: '', type: '' };
      families.set(name, { ...family, [kind.toLowerCase()]: words });
      continue;
    }
    const [, sample, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (sample === undefined) continue;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key!, text!]);
    samples.push({ name: sample, labels: Object.fromEntries(pairs), value: Number(value) });
  }
  return {
    families,
    samples,
    value(name, labels = {}) {
      const found = samples.filter(
        (each) =>
          each.name === name && Object.entries(labels).every(([key, value]) => each.labels[key] === value),
      );
      if (found.length > 1) throw new Error(`Cannot tell which of ${found.length} samples is meant: ${name}`);
      return found[0]?.value ?? Number.NaN;
    },
  };
}
