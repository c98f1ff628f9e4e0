/** Checks the numbers of a client that would make it wait for ever, or stand still. */
import { defaults, SluiceError } from '@sluice/protocol';
import type { ClientOptions } from './client-options.ts';

const bounds = {
  maxBatchWrites: { from: 1, to: 10_000 },
  maxBatchDelayMs: { from: 0, to: 10_000 },
  flushWritesMax: { from: 1, to: 10_000 },
  fastPathWritesMax: { from: 0, to: 512 },
  sessionsMax: { from: 1, to: 1000 },
} as const;

/** @throws {SluiceError} `configuration_invalid`, with the name of the option */
export function assertOptions(options: ClientOptions): void {
  for (const name of Object.keys(bounds) as (keyof typeof bounds)[]) {
    const { from, to } = bounds[name];
    const value = options[name];
    if (value === undefined || (Number.isInteger(value) && value >= from && value <= to)) continue;
    throw wrong(name, `is not a whole number from ${from} to ${to}`, value);
  }
  const { maxBatchDelayMs = defaults.maxBatchDelayMs, waitMs = defaults.waitMs } = options;
  if (maxBatchDelayMs > 0 && maxBatchDelayMs >= waitMs)
    throw wrong('maxBatchDelayMs', `is not below waitMs, which is ${waitMs}`, maxBatchDelayMs);
}

function wrong(name: keyof ClientOptions, reason: string, value: number): SluiceError {
  return new SluiceError('configuration_invalid', `Cannot start: ${name} ${reason}: ${value}`, {
    detail: { setting: name },
  });
}
