// The manifest of a package as it is published: without the condition `source`, whose files are only in the repository.
import { readFileSync } from 'node:fs';

export function publishedManifest(path) {
  return `${JSON.stringify(JSON.parse(readFileSync(`${path}/package.json`, 'utf8'), withoutSource), null, 2)}\n`;
}

/** Of `exports` and `imports`: a condition stands beside `default`. */
function withoutSource(_, value) {
  if (typeof value?.source !== 'string' || value.default === undefined) return value;
  const { source: _source, ...others } = value;
  return others;
}

export function isPrivate(path) {
  return JSON.parse(readFileSync(`${path}/package.json`, 'utf8')).private === true;
}
