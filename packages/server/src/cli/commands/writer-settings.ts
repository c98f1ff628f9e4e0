/** The settings of a writer. */
import { writerTunables } from 'sluice/internal/protocol';
import { databaseSettings, listenUrl, storeIdleMs, storesOpenMax } from '../config/database-settings.ts';
import { projectionModules } from '../config/projections-of.ts';
import type { Values } from '../config/setting.ts';
import { tunableSettings } from '../config/setting-forms.ts';
import { targets } from '../config/targets-setting.ts';
import {
  logLevel,
  metricsHost,
  metricsPort,
  notifications,
  optionalModelFiles,
  ownership,
  spread,
  referentialIdLayout,
  stopTimeoutMs,
} from '../config/settings.ts';

export const writerSettings = {
  ...databaseSettings,
  listenUrl,
  storeIdleMs,
  storesOpenMax,
  model: optionalModelFiles,
  referentialIdLayout,
  targets,
  projectionModules,
  ownership,
  spread,
  notifications,
  ...tunableSettings(writerTunables),
  metricsPort,
  metricsHost,
  logLevel,
  stopTimeoutMs,
};

export type WriterValues = Values<typeof writerSettings>;
