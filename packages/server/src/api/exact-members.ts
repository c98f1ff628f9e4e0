/** Values of an object's members with all their digits: a number that JavaScript may have rounded is taken from the text. */
import type { JsonScanner } from './json-scanner.ts';

/** The text of one member, exactly as spelled; null: there is none of this name. */
export function memberText(scanner: JsonScanner, object: string, name: string): string | null {
  const bytes = Buffer.from(object);
  const { member } = scanner.scan(bytes, name);
  return member === null ? null : bytes.toString('utf8', member.valueStart, member.end);
}

/** The parsed object, with its numbers as texts. */
export function exactMembers(
  scanner: JsonScanner,
  text: string,
  parsed: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parsed).map(([name, value]) => [
      name,
      typeof value === 'number' ? memberText(scanner, text, name) : value,
    ]),
  );
}
