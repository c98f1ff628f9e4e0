/** Completes the options of a client by their defaults. It checks those whose wrong values would make it wait for ever, or stop. */
import { assertTunables, clientTunables, defaults, embeddedTunables, SluiceError } from '#protocol';
import type { ClientOptions } from './client-options.ts';

/** The defaults of these depend on their use. */
const { sessionsMax: _, answerTimeoutMs: __, ...fixed } = defaults;

const completed = {
  ...fixed,
  mode: 'coordinated',
  notifications: true,
  onOverload: 'refuse',
  projections: [],
  targets: [],
} satisfies Partial<ClientOptions>;

export type CompleteOptions = ClientOptions &
  Required<Pick<ClientOptions, keyof typeof completed & keyof ClientOptions>>;

/** @throws {SluiceError} `configuration_invalid`, with the name of the option */
export function completeOptions(options: ClientOptions): CompleteOptions {
  assertTunables('start', { ...clientTunables, ...embeddedTunables }, { ...options });
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const complete: CompleteOptions = {
    ...completed,
    ...(Object.fromEntries(given) as unknown as ClientOptions),
  };
  const { maxBatchDelayMs, waitMs } = complete;
  if (maxBatchDelayMs > 0 && maxBatchDelayMs >= waitMs) {
    const reason = `maxBatchDelayMs is not below waitMs, which is ${waitMs}: ${maxBatchDelayMs}`;
    throw new SluiceError('configuration_invalid', `Cannot start: ${reason}`, {
      detail: { setting: 'maxBatchDelayMs' },
    });
  }
  return complete;
}
