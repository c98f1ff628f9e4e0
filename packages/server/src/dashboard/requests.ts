/** The requests of the page, checked. */
import { laneMax, reasons, SluiceError, type Reason } from 'sluice/internal/protocol';
import * as z from 'zod';

const lane = z.number().int().min(0).max(laneMax);
/** PostgreSQL can neither store nor search a text with NUL. */
const withoutNul = z.string().regex(/^[^\0]*$/, 'Contains the character NUL');
const text = withoutNul.min(1).max(1_000);

/** Its fields as numbers and texts, or all as texts, as in a URL. */
function filterOf(number: () => z.ZodNumber | z.ZodCoercedNumber) {
  return {
    olderThanSeconds: number().min(0).max(1e9).exactOptional(),
    lane: number().int().min(0).max(laneMax).exactOptional(),
    client: text.exactOptional(),
    resource: text.exactOptional(),
    reason: z.enum(Object.keys(reasons) as [Reason, ...Reason[]]).exactOptional(),
    error: text.exactOptional(),
  };
}

const target = z.union([
  z.strictObject({ writeIds: z.array(text).min(1).max(1_000) }),
  z.strictObject({ matching: z.strictObject(filterOf(z.number)) }),
]);
const dryRun = z.boolean().exactOptional();

const changes = {
  retry: z.strictObject({ target, dryRun, force: z.boolean().exactOptional() }),
  discard: z.strictObject({ target, dryRun }),
  lanes: z.strictObject({
    lanes: z
      .array(lane)
      .min(1)
      .max(laneMax + 1),
  }),
  writer: z.strictObject({ writer: text }),
};

const wholeNumber = z.coerce.number().int().min(1);

const filter = z.strictObject(filterOf(z.coerce.number));

const queries = {
  none: z.strictObject({}),
  filter,
  list: filter.extend({ after: text.exactOptional(), limit: wholeNumber.max(200).exactOptional() }),
  find: z.strictObject({ text: withoutNul.trim().min(1).max(255) }),
  actions: z.strictObject({ before: wholeNumber.exactOptional() }),
};

type Queries = typeof queries;
type Changes = typeof changes;

/** Empty parameters come from empty fields. @throws {SluiceError} `invalid_request` */
export function readQuery<K extends keyof Queries>(kind: K, query: unknown): z.infer<Queries[K]> {
  const given = Object.entries(query as Record<string, unknown>).filter(([, value]) => value !== '');
  return checked(queries[kind], Object.fromEntries(given)) as z.infer<Queries[K]>;
}

/** @throws {SluiceError} `invalid_request` */
export function readChange<K extends keyof Changes>(kind: K, body: unknown): z.infer<Changes[K]> {
  return checked(changes[kind], body ?? {}) as z.infer<Changes[K]>;
}

function checked(schema: z.ZodType, value: unknown): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue?.path.join('.') ?? '';
  throw new SluiceError('invalid_request', `${place === '' ? 'The request' : place}: ${issue?.message}`);
}
