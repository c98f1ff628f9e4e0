/** The filters of writes, the same for reading and for acting. They are not settings, so no variable sets them. */
import type { StuckFilter } from 'sluice/operator';
import { laneMax, reasons, SluiceError, type Reason } from 'sluice/internal/protocol';
import * as z from 'zod';
import { setting, type Values } from '../config/setting.ts';
import { durationSetting, wholeNumber } from '../config/setting-forms.ts';

const text = z.string().min(1).max(255);
const reasonNames = Object.keys(reasons) as Reason[];

export const filterSettings = {
  lane: setting<number | undefined>({
    flags: '--lane <number>',
    description: 'only writes of this lane',
    form: 'the number of a lane',
    schema: wholeNumber(0, laneMax),
  }),
  client: setting<string | undefined>({
    flags: '--client <name>',
    description: 'only writes of this client',
    form: 'the name of a client',
    schema: text,
  }),
  resource: setting<string | undefined>({
    flags: '--resource <endpoint>',
    description: 'only writes of this resource, as in a URL: shop/orders; or to this target: public.orders',
    form: 'the endpoint of a resource, or the name of a target',
    schema: text,
  }),
  reason: setting<Reason | undefined>({
    flags: '--reason <reason>',
    description: `only writes with this reason: ${reasonNames.join(', ')}`,
    form: `one of ${reasonNames.join(', ')}`,
    schema: z
      .string()
      .transform((value) => value.replaceAll('-', '_'))
      .pipe(z.enum(reasonNames)),
  }),
  error: setting<string | undefined>({
    flags: '--error <sqlstate>',
    description: 'only writes that failed with this SQLSTATE: 40P01',
    form: 'a SQLSTATE of five letters and digits',
    schema: z.string().regex(/^[\dA-Z]{5}$/),
  }),
};

export const olderThan = durationSetting(
  '--older-than <duration>',
  'only writes older than this: 30s, 5m, 2h, 1d',
  'any age',
);

export function filterOf(
  values: Values<typeof filterSettings>,
  olderThanSeconds: number | undefined,
): StuckFilter {
  const given = Object.entries({
    olderThanSeconds,
    lane: values.lane,
    client: values.client,
    resource: values.resource,
    reason: values.reason,
    error: values.error,
  });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** Ids, or `--all-matching` with filters. @throws {SluiceError} `configuration_invalid` */
export function targetOf(
  ids: readonly string[],
  isAllMatching: boolean,
  filter: StuckFilter,
): { writeIds: readonly string[] } | { matching: StuckFilter } {
  const hasFilter = Object.keys(filter).length > 0;
  if (ids.length > 0 && !isAllMatching && !hasFilter) return { writeIds: ids };
  if (ids.length === 0 && isAllMatching && hasFilter) return { matching: filter };
  throw new SluiceError(
    'configuration_invalid',
    'Cannot choose the writes: give either ids, or --all-matching and at least one filter',
  );
}
