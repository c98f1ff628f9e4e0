/** The settings that several commands share, each defined once: flag, variables, form, default. */
import {
  formOf,
  modes,
  writerTunables,
  type Mode,
  type OwnershipForm,
  type Spread,
} from 'sluice/internal/protocol';
import * as z from 'zod';
import { setting } from './setting.ts';
import { listOf, numberSetting, onOrOff, tunableSettings, wholeNumber } from './setting-forms.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const { lanes, pollIntervalMs, sessions } = tunableSettings(writerTunables);

export const modelFiles = setting<string[]>({
  flags: '--model <file>',
  variables: ['SLUICE_MODEL'],
  description:
    'resource model, in the native form or one that an installed package reads; repeat it for extensions (the variable takes commas)',
  form: 'the path of a model file',
  path: 'always',
  schema: listOf(z.string().min(1)),
  isRequired: true,
  isList: true,
});

export const optionalModelFiles = setting<string[] | undefined>({ ...modelFiles, isRequired: false });

export const mode = setting<Mode>({
  flags: '--mode <coordinated|local|direct>',
  variables: ['SLUICE_MODE'],
  description: 'where the batches of a node come from',
  form: `one of ${modes.join(', ')}`,
  schema: z.enum(modes as [Mode, ...Mode[]]),
  fallback: 'coordinated',
});

export const notifications = setting<boolean>({
  flags: '--notifications <on|off>',
  variables: ['SLUICE_NOTIFICATIONS'],
  description: 'LISTEN and NOTIFY as hints; off, everything goes by polling',
  form: 'on or off',
  schema: onOrOff,
  fallback: true,
});

export const ownership = setting<OwnershipForm>({
  flags: '--ownership <form>',
  variables: ['SLUICE_OWNERSHIP'],
  description:
    'how lanes are owned: by a lock of the session, or by a lease, which passes through a pooler in transaction mode; ' +
    'all writers must agree',
  form: 'lock or lease',
  schema: z.enum(['lock', 'lease']),
  fallback: 'lock',
});

export const spread = setting<Spread>({
  flags: '--spread <how>',
  variables: ['SLUICE_SPREAD'],
  description:
    'which writers lead lanes: as few as keep up with the load, while the others stand by, or all of them (even); one that ' +
    'says even decides for all',
  form: 'load or even',
  schema: z.enum(['load', 'even']),
  fallback: 'load',
});

export const port = numberSetting(
  '--port <number>',
  ['SLUICE_PORT', 'PORT'],
  'TCP port; 0 takes a free one',
  {
    from: 0,
    to: 65_535,
    fallback: 8080,
  },
);

export const host = setting<string>({
  flags: '--host <address>',
  variables: ['SLUICE_HOST'],
  description: 'address to listen on; 0.0.0.0 lets other machines in',
  form: 'a host name or an address',
  schema: z.string().regex(/^[\w.:-]+$/),
  fallback: '127.0.0.1',
});

export const basePath = setting<string>({
  flags: '--base-path <path>',
  variables: ['SLUICE_BASE_PATH'],
  description: 'what stands before every path, for example /api',
  form: 'empty, or a path that begins with a slash and ends without one',
  schema: z.string().regex(/^(\/[\w.~-]+)*$/),
  fallback: '',
});

export const metricsPort = setting<number | undefined>({
  flags: '--metrics-port <number>',
  variables: ['SLUICE_METRICS_PORT'],
  description:
    'TCP port for /metrics and /healthz; 0 takes a free one; left out, a node has them on its own, a writer none',
  form: 'a whole number from 0 to 65535',
  schema: wholeNumber(0, 65_535),
});

export const metricsHost = setting<string>({
  ...host,
  flags: '--metrics-host <address>',
  variables: ['SLUICE_METRICS_HOST'],
  description: 'address of the metrics port; 0.0.0.0 lets other machines in',
});

export const logLevel = setting<(typeof logLevels)[number]>({
  flags: '--log-level <level>',
  variables: ['SLUICE_LOG_LEVEL'],
  description: `what goes to standard error: ${logLevels.join(', ')}`,
  form: `one of ${logLevels.join(', ')}`,
  schema: z.enum(logLevels),
  fallback: 'info',
});

export const stopTimeoutMs = numberSetting(
  '--stop-timeout-ms <ms>',
  ['SLUICE_STOP_TIMEOUT_MS'],
  'how long the process may take to end once it is told to stop; whatever is under way then is given up',
  { from: 0, to: 600_000, fallback: 22_000 },
);

export const concurrency = numberSetting(
  '--concurrency <number>',
  ['SLUICE_CONCURRENCY'],
  'documents under way at the same time',
  { from: 1, to: 4096, fallback: 64 },
);

export const seed = numberSetting(
  '--seed <number>',
  ['SLUICE_SEED'],
  'which random order; the same seed gives the same one',
  { from: 0, to: 4_294_967_295, fallback: 1 },
);

export const waitForReferences = setting<number | undefined>({
  flags: '--wait-for-references <seconds>',
  variables: ['SLUICE_WAIT_FOR_REFERENCES'],
  description: 'how long a document may wait for those it refers to; the load then needs no order',
  form: 'a whole number from 1 to 3600',
  schema: wholeNumber(1, 3600),
});

const httpUrl = z
  .string()
  .regex(/^https?:\/\/[^\s/]+\/?$/)
  .refine((url) => URL.canParse(url));

export const nodeUrls = setting<string[]>({
  flags: '--nodes <urls>',
  variables: ['SLUICE_NODES'],
  description: 'URLs of the API nodes, with commas between them; they take turns',
  form: 'a list of http:// URLs, with commas between them',
  schema: listOf(httpUrl).transform((urls) => urls.map((url) => url.replace(/\/$/, ''))),
  isRequired: true,
  isList: true,
});

/** A secret, so it comes by the environment or in a file, and never by the arguments. */
export const token = setting<string | undefined>({
  variables: ['SLUICE_TOKEN'],
  file: { flags: '--token-file <file>', variable: 'SLUICE_TOKEN_FILE' },
  description: 'API key or token by which the nodes know who asks',
  form: 'an API key or a token',
  schema: z.string().regex(/^[\w.~+/=-]+$/),
  isSecret: true,
});

export const referentialIdLayout = setting<'2025' | '2026'>({
  flags: '--referential-id-layout <2025|2026>',
  variables: ['SLUICE_REFERENTIAL_ID_LAYOUT'],
  description: 'how identities are spelled before they are hashed; a deployment keeps the one it began with',
  form: '2025 or 2026',
  schema: z.enum(['2025', '2026']),
  fallback: '2026',
});

/** Seldom set: how long clients keep their connections to a node that stops. */
export const lingerMs = setting<number>({
  description:
    'how long a client may still use a connection that it keeps open, once the process is told to stop: one request, whose answer says that it was the last',
  form: formOf({ from: 0, to: 600_000 }),
  schema: wholeNumber(0, 600_000),
  fallback: 1000,
  cost: 'longer, a stop takes longer; shorter, more clients see a connection that is closed under them',
});

/** The file itself; `none` where one that would be found is not wanted. */
export const configFile = setting<string | undefined>({
  flags: '--config <file>',
  variables: ['SLUICE_CONFIG'],
  description:
    'configuration file; none reads no file (default: sluice.config.js, .mjs or .json in the working directory or the nearest folder above it)',
  form: 'the path of a file, or none',
  schema: z.string().regex(/^[^\0]+$/),
});
