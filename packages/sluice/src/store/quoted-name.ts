/** Names of the catalog as SQL identifiers. Quotes keep their letters, and no text in a name can end a quote. */

/** @param names Joined by dots: a schema, and a name in it. */
export function quotedName(...names: readonly string[]): string {
  return names.map((name) => `"${name.replaceAll('"', '""')}"`).join('.');
}

/** The same for schema and name in one text. The first dot ends the schema, because the name may have more. */
export function quotedPath(path: string): string {
  const dot = path.indexOf('.');
  return quotedName(path.slice(0, dot), path.slice(dot + 1));
}
