/** The operators' page: whether it exists, and whether it may change anything. */
import type { DashboardOptions } from '#dashboard';
import type { Model } from 'sluice/model';
import { Database } from 'sluice/internal/store';
import * as z from 'zod';
import type { DatabasePlace } from './database-url.ts';
import { setting } from './setting.ts';

export const dashboard = setting<'on' | 'read-only' | 'off'>({
  flags: '--dashboard <how>',
  variables: ['SLUICE_DASHBOARD'],
  description: "the operators' page at /dashboard: on, read-only (nothing can be changed from it) or off",
  form: 'on, read-only or off',
  schema: z.enum(['on', 'read-only', 'off']),
  fallback: 'on',
});

/** For the process that serves only the page. */
export const dashboardAlone = setting<'on' | 'read-only'>({
  ...dashboard,
  description: "the operators' page: on, or read-only (nothing can be changed from it)",
  form: 'on or read-only',
  schema: z.enum(['on', 'read-only']),
  fallback: 'on',
});

/** The page has separate connections, so that it takes none from writes. They open for the first visitor. */
export function openDashboard(
  how: 'on' | 'read-only',
  {
    store,
    hosts,
    ...place
  }: DatabasePlace & { store?: string | undefined; hosts?: readonly string[] | undefined },
  model: Model | null,
): { options: DashboardOptions; close: () => Promise<void> } {
  const database = new Database({
    ...place,
    applicationName: 'sluice dashboard',
    connectionsMax: 3,
    looksForPooler: true,
    // Longest wait of a visitor for a page.
    settings: { statement_timeout: '15s' },
  });
  return {
    options: { database, model, isReadOnly: how === 'read-only', store, hosts },
    close: () => database.close(),
  };
}
