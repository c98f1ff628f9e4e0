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
    'resource model, in the native form or in a form that an installed package reads; repeat the option for extensions, or separate them by commas in the variable',
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
  description:
    'how a node commits writes: coordinated sends them through the intake to writers, local commits batches itself, direct commits each write itself',
  form: `one of ${modes.join(', ')}`,
  schema: z.enum(modes as [Mode, ...Mode[]]),
  fallback: 'coordinated',
});

export const notifications = setting<boolean>({
  flags: '--notifications <on|off>',
  variables: ['SLUICE_NOTIFICATIONS'],
  description: 'LISTEN and NOTIFY as hints; if off, nodes and writers poll',
  form: 'on or off',
  schema: onOrOff,
  fallback: true,
});

export const ownership = setting<OwnershipForm>({
  flags: '--ownership <form>',
  variables: ['SLUICE_OWNERSHIP'],
  description:
    'how a session owns its lanes: by a lock, or by a lease, which works through a pooler in transaction mode; ' +
    'all writers must agree',
  form: 'lock or lease',
  schema: z.enum(['lock', 'lease']),
  fallback: 'lock',
});

export const spread = setting<Spread>({
  flags: '--spread <how>',
  variables: ['SLUICE_SPREAD'],
  description:
    'which writers lead lanes: only as many as the load needs, while the others stand by (load), or all of them (even); if one ' +
    'writer has even, all use it',
  form: 'load or even',
  schema: z.enum(['load', 'even']),
  fallback: 'load',
});

export const port = numberSetting('--port <number>', ['SLUICE_PORT', 'PORT'], 'TCP port; 0: a free one', {
  from: 0,
  to: 65_535,
  fallback: 8080,
});

export const host = setting<string>({
  flags: '--host <address>',
  variables: ['SLUICE_HOST'],
  description: 'address to listen on; 0.0.0.0 accepts connections from other machines',
  form: 'a host name or an address',
  schema: z.string().regex(/^[\w.:-]+$/),
  fallback: '127.0.0.1',
});

export const basePath = setting<string>({
  flags: '--base-path <path>',
  variables: ['SLUICE_BASE_PATH'],
  description: 'prefix of every path, for example /api',
  form: 'empty, or a path that begins with a slash and ends without one',
  schema: z.string().regex(/^(\/[\w.~-]+)*$/),
  fallback: '',
});

export const metricsPort = setting<number | undefined>({
  flags: '--metrics-port <number>',
  variables: ['SLUICE_METRICS_PORT'],
  description:
    'TCP port for /metrics and /healthz; 0: a free one. Without it, a node serves them on its own port, a writer does not',
  form: 'a whole number from 0 to 65535',
  schema: wholeNumber(0, 65_535),
});

export const metricsHost = setting<string>({
  ...host,
  flags: '--metrics-host <address>',
  variables: ['SLUICE_METRICS_HOST'],
  description: 'address of the metrics port; 0.0.0.0 accepts connections from other machines',
});

export const logLevel = setting<(typeof logLevels)[number]>({
  flags: '--log-level <level>',
  variables: ['SLUICE_LOG_LEVEL'],
  description: `lowest level of log lines on standard error: ${logLevels.join(', ')}`,
  form: `one of ${logLevels.join(', ')}`,
  schema: z.enum(logLevels),
  fallback: 'info',
});

export const stopTimeoutMs = numberSetting(
  '--stop-timeout-ms <ms>',
  ['SLUICE_STOP_TIMEOUT_MS'],
  'how long a stopping process may take; then it abandons the remaining work',
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
  'seed of the random order; the same seed gives the same order',
  { from: 0, to: 4_294_967_295, fallback: 1 },
);

export const waitForReferences = setting<number | undefined>({
  flags: '--wait-for-references <seconds>',
  variables: ['SLUICE_WAIT_FOR_REFERENCES'],
  description:
    'how long a document may wait for the documents that it refers to; the files then need no order',
  defaultText: 'it does not wait',
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
  description: 'URLs of the API nodes, separated by commas; the command sends to them in turn',
  form: 'a list of http:// URLs, separated by commas',
  schema: listOf(httpUrl).transform((urls) => urls.map((url) => url.replace(/\/$/, ''))),
  isRequired: true,
  isList: true,
});

/** A secret: in the environment or a file, never in arguments. */
export const token = setting<string | undefined>({
  variables: ['SLUICE_TOKEN'],
  file: '--token-file <file>',
  description: 'API key or token for the nodes',
  form: 'an API key or a token',
  schema: z.string().regex(/^[\w.~+/=-]+$/),
  isSecret: true,
});

export const referentialIdLayout = setting<'2025' | '2026'>({
  flags: '--referential-id-layout <2025|2026>',
  variables: ['SLUICE_REFERENTIAL_ID_LAYOUT'],
  description: 'text form of identities before hashing; a deployment must never change it',
  form: '2025 or 2026',
  schema: z.enum(['2025', '2026']),
  fallback: '2026',
});

/** Rarely set: how long clients keep their connections to a stopping node. */
export const lingerMs = setting<number>({
  description:
    'how long a stopping node answers requests on open connections; it closes each connection after one answer',
  form: formOf({ from: 0, to: 600_000 }),
  schema: wholeNumber(0, 600_000),
  fallback: 1000,
  cost: 'a larger value makes a stop slower; with a smaller one, more clients lose their connection without an answer',
});

/** The path of the file; `none` reads no file. */
export const configFile = setting<string | undefined>({
  flags: '--config <file>',
  variables: ['SLUICE_CONFIG'],
  description: 'configuration file; none: no file',
  defaultText: 'sluice.config.js, .mjs or .json in the working directory or the nearest folder above it',
  form: 'the path of a file, or none',
  schema: z.string().regex(/^[^\0]+$/),
});
