let last = 0;

/** Numbers that no other test has used, that is: no other case of this file, as files have databases of their own. */
export const fresh = (): number => ++last;

/** For the next file in this process. */
export function restartNumbers(): void {
  last = 0;
}
