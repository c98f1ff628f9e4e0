/** `--stores` names the databases, so no other setting may name one. */
import { SluiceError } from 'sluice/internal/protocol';
import { findGiven, type Settings, type Sources } from '../config/setting.ts';

/** Settings that each store has in the stores file. */
const ownOfStores = ['databaseUrl', 'schema', 'listenUrl', 'operatorUrl', 'operatorPassword'];

/** @throws {SluiceError} `configuration_invalid` */
export function assertStoresAlone(settings: Settings, sources: Sources): void {
  const given = (name: string): string | null => {
    const definition = settings[name];
    if (definition === undefined) return null;
    const { source, text } = findGiven(name, definition, sources);
    return text === undefined ? null : source;
  };
  const stores = given('stores');
  if (stores === null) return;
  for (const name of ownOfStores) {
    const other = given(name);
    if (other === null) continue;
    throw new SluiceError(
      'configuration_invalid',
      `Cannot start: ${stores} and ${other} exclude each other, because the stores file sets it for each store`,
    );
  }
}

/** @throws {SluiceError} `configuration_invalid` for a chosen store without a stores file */
export function assertNoChoice({ store, isAll }: { store: string | undefined; isAll: boolean }): void {
  if (store === undefined && !isAll) return;
  const flag = isAll ? '--all-stores' : '--store';
  throw new SluiceError('configuration_invalid', `Cannot use ${flag} without --stores (SLUICE_STORES)`);
}
