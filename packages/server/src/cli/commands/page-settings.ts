/** The settings of the process of the operators' page. */
import type { Model } from 'sluice/model';
import type { Logger } from 'pino';
import { authSettings } from '../config/auth-settings.ts';
import { dashboardAlone } from '../config/dashboard-settings.ts';
import { databaseSettings, storeIdleMs, storesOpenMax } from '../config/database-settings.ts';
import type { Values } from '../config/setting.ts';
import {
  basePath,
  host,
  logLevel,
  optionalModelFiles,
  port,
  referentialIdLayout,
  stopTimeoutMs,
} from '../config/settings.ts';
import { tlsSettings } from '../config/tls-settings.ts';

export const dashboardSettings = {
  ...databaseSettings,
  storeIdleMs,
  storesOpenMax,
  model: optionalModelFiles,
  referentialIdLayout,
  host,
  port: { ...port, fallback: 8090 },
  ...tlsSettings,
  basePath,
  ...authSettings,
  dashboard: dashboardAlone,
  logLevel,
  stopTimeoutMs,
};

export interface PagesOptions {
  values: Values<typeof dashboardSettings>;
  model: Model | null;
  tls: { cert: string; key: string } | undefined;
  logger: Logger;
}

/** Time for requests under way when the process stops. */
export const requestsMs = 5000;
