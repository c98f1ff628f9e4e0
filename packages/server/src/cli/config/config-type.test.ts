import { defineConfig, type ApiConfig, type DashboardConfig, type WriterConfig } from 'sluice';
import { describe, expect, expectTypeOf, test } from 'vitest';
import type { apiSettings } from '../commands/api-settings.ts';
import type { dashboardSettings } from '../commands/page-settings.ts';
import type { writerSettings } from '../commands/writer-settings.ts';
import type { Settings, Values } from './setting.ts';

/** The keys and values of a command, as its settings have them. */
type Given<S extends Settings> = { [K in keyof S]?: Exclude<Values<S>[K], undefined> };
/** The keys of files that hold a secret are made from the settings. */
type Plain<C> = { [K in keyof C as K extends `${string}File` ? never : K]: C[K] };

describe('the type of the configuration file', () => {
  test('the type of the configuration file has the keys and values of the settings, by command', () => {
    expectTypeOf<Plain<ApiConfig>>().toEqualTypeOf<Given<typeof apiSettings>>();
    expectTypeOf<Plain<WriterConfig>>().toEqualTypeOf<Given<typeof writerSettings>>();
    expectTypeOf<Plain<DashboardConfig>>().toEqualTypeOf<Given<typeof dashboardSettings>>();
  });

  test('the type of the configuration file refuses an unknown key and a value of another type', () => {
    const config = defineConfig({
      model: ['m'],
      lanes: 8,
      databaseUrlFile: '/run/secrets/url',
      api: { port: 1, bodyKeysMax: 5 },
      dashboard: { port: 2 },
      load: { seed: 1 },
    });
    // @ts-expect-error -- no setting
    defineConfig({ lane: 8 });
    // @ts-expect-error -- a number
    defineConfig({ writer: { sessions: 'two' } });
    // @ts-expect-error -- writers listen on no port
    defineConfig({ writer: { port: 1 } });
    expect(config.lanes).toBe(8);
  });
});
