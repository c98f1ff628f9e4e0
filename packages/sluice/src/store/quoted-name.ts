/** Names of the catalog as identifiers of SQL: quotes keep their letters, and no text in a name can end it. */

/** @param names Joined by dots: a schema, and what is in it. */
export function quotedName(...names: readonly string[]): string {
  return names.map((name) => `"${name.replaceAll('"', '""')}"`).join('.');
}

/** The same of schema and name in one text. The first dot ends the schema: the name may have more. */
export function quotedPath(path: string): string {
  const dot = path.indexOf('.');
  return quotedName(path.slice(0, dot), path.slice(dot + 1));
}
