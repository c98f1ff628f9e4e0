import { userInfo } from 'node:os';

/** Who acts, for the record of operators' actions: the account of the system that runs the command. */
export function actor(): string {
  try {
    return userInfo().username;
  } catch {
    // An account without a name, as containers have them.
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
