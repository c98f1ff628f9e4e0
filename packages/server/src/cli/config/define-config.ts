/** The type of `sluice.config.js`: editors then know the keys, and what each may be. */
import type { apiSettings } from '../commands/api.ts';
import type { dashboardSettings } from '../commands/dashboard.ts';
import type { writerSettings } from '../commands/writer.ts';
import type { Settings, Values } from './setting.ts';

type Given<S extends Settings> = { [K in keyof S]?: Exclude<Values<S>[K], undefined> };
type SecretFiles = {
  databaseUrlFile?: string;
  listenUrlFile?: string;
  operatorUrlFile?: string;
  operatorPasswordFile?: string;
};
type OtherCommand =
  | 'audit'
  | 'discard'
  | 'doctor'
  | 'drain'
  | 'keys'
  | 'load'
  | 'migrate'
  | 'pause'
  | 'projections'
  | 'resume'
  | 'retry'
  | 'roles'
  | 'show'
  | 'status'
  | 'stuck'
  | 'writers';

type OfApi = Given<typeof apiSettings>;
type OfWriter = Given<typeof writerSettings>;

/** What is for all commands, and under the name of a command what is for that one alone. */
export type SluiceConfig = Omit<OfApi & OfWriter, 'dashboard' | OtherCommand> &
  SecretFiles & {
    api?: OfApi & SecretFiles;
    writer?: OfWriter & SecretFiles;
    dashboard?: OfApi['dashboard'] | Given<typeof dashboardSettings>;
  } & { [C in OtherCommand]?: Record<string, string | number | boolean | string[]> };

/** Gives the type, and the object back. */
export function defineConfig(config: SluiceConfig): SluiceConfig {
  return config;
}
