import { SluiceError } from 'sluice/internal/protocol';

/** In any of several URLs, too. */
export function hasPassword(url: string): boolean {
  return /\w+:\/\/[^@/]*:[^@/]+@/.test(url) || /[?&]password=/i.test(url);
}

/**
 * @param others Places where a password is allowed.
 * @throws {SluiceError} `configuration_invalid`
 */
export function assertNoPassword(url: string, name: string, others: string): void {
  if (!hasPassword(url)) return;
  throw new SluiceError(
    'configuration_invalid',
    `Cannot start: ${name} holds a password, which other users of this machine can read: use ${others}`,
    { detail: { setting: name } },
  );
}
