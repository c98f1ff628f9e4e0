/** The settings of a node. */
import { apiTunables, clientTunables, type OnOverload } from 'sluice/internal/protocol';
import * as z from 'zod';
import { authSettings } from '../config/auth-settings.ts';
import { dashboard } from '../config/dashboard-settings.ts';
import {
  databaseSettings,
  listenUrl,
  operatorPassword,
  operatorUrl,
  storeIdleMs,
  storesOpenMax,
} from '../config/database-settings.ts';
import { projectionModules } from '../config/projections-of.ts';
import { setting, type Values } from '../config/setting.ts';
import { listOf, tunableSettings } from '../config/setting-forms.ts';
import { targets } from '../config/targets-setting.ts';
import {
  basePath,
  host,
  lingerMs,
  logLevel,
  metricsHost,
  metricsPort,
  mode,
  notifications,
  optionalModelFiles,
  port,
  referentialIdLayout,
  stopTimeoutMs,
} from '../config/settings.ts';
import { tlsSettings } from '../config/tls-settings.ts';

const onOverload = setting<OnOverload>({
  flags: '--on-overload <how>',
  variables: ['SLUICE_ON_OVERLOAD'],
  description:
    'what a node does with a write that its lane does not accept: refuse answers 503, bypass commits it without the intake',
  form: 'refuse or bypass',
  schema: z.enum(['refuse', 'bypass']),
  fallback: 'refuse',
});

const origin = z.string().regex(/^https?:\/\/[\w.-]+(?::\d+)?$|^https?:\/\/\[[\da-f:]+\](?::\d+)?$/i);

const corsOrigins = setting<string[]>({
  flags: '--cors-origin <origin>',
  variables: ['SLUICE_CORS_ORIGIN'],
  description:
    'origin whose pages may use this node from a browser, e.g. https://app.example.org; repeat the option for others, or separate them by commas in the variable',
  form: 'an origin: scheme, host and port, without a path',
  schema: listOf(origin),
  fallback: [],
  isList: true,
});

const publicUrl = setting<string | undefined>({
  flags: '--public-url <url>',
  variables: ['SLUICE_PUBLIC_URL'],
  description:
    'scheme, host and port by which clients reach the nodes, e.g. https://api.example.org; absolute URLs in answers begin with it. Needed behind a proxy that ends TLS (default: those of each request)',
  form: 'an http:// or https:// URL without a path',
  schema: origin,
});

export const apiSettings = {
  ...databaseSettings,
  listenUrl,
  operatorUrl,
  operatorPassword,
  storeIdleMs,
  storesOpenMax,
  model: optionalModelFiles,
  referentialIdLayout,
  targets,
  projectionModules,
  mode,
  notifications,
  ...tunableSettings(clientTunables),
  onOverload,
  lingerMs,
  host,
  port,
  ...tlsSettings,
  basePath,
  publicUrl,
  ...authSettings,
  corsOrigins,
  dashboard,
  ...tunableSettings(apiTunables),
  metricsPort,
  metricsHost,
  logLevel,
  stopTimeoutMs,
};

export type ApiValues = Values<typeof apiSettings>;
