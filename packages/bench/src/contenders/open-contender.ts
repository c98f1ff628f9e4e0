/** Finds a contender by its name. */
import { isCoordinated, isOfRows, isPeer, type ContenderName } from '../names.ts';
import { Batched } from './batched.ts';
import type { Contender, ContenderOptions } from './contender.ts';
import { OneStatement } from './one-statement.ts';
import { Peer } from './peer.ts';
import { Product } from './product.ts';
import { RowProduct } from './row-product.ts';
import { SeedDirect } from './seed-direct.ts';

export function openContender(name: ContenderName, options: ContenderOptions): Contender {
  if (name === 'seed-direct') return new SeedDirect(options);
  if (name === 'one-statement') return new OneStatement(options);
  if (name === 'batched') return new Batched(options);
  if (name === 'local' || name === 'direct' || isCoordinated(name))
    return new (isOfRows(options.workload) ? RowProduct : Product)({ ...options, contender: name });
  if (isPeer(name)) return new Peer(name, options);
  throw new Error(`Cannot open the contender: its name is unknown: ${name as string}`);
}
