import { userInfo } from 'node:os';

/** The actor for the audit: the system account that runs the command. */
export function actor(): string {
  try {
    return userInfo().username;
  } catch {
    // An account without a name, as in containers.
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
