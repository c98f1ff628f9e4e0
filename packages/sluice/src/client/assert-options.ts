/** Checks options of a client whose wrong values would make it wait for ever, or stop. */
import { assertTunables, clientTunables, defaults, embeddedTunables, SluiceError } from '#protocol';
import type { ClientOptions } from './client-options.ts';

/** @throws {SluiceError} `configuration_invalid`, with the name of the option */
export function assertOptions(options: ClientOptions): void {
  assertTunables('start', { ...clientTunables, ...embeddedTunables }, { ...options });
  const { maxBatchDelayMs = defaults.maxBatchDelayMs, waitMs = defaults.waitMs } = options;
  if (maxBatchDelayMs > 0 && maxBatchDelayMs >= waitMs)
    throw wrong('maxBatchDelayMs', `is not below waitMs, which is ${waitMs}`, maxBatchDelayMs);
}

function wrong(name: keyof ClientOptions, reason: string, value: number): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot start: ${name} ${reason}: ${value}`, {
    detail: { setting: name },
  });
}
