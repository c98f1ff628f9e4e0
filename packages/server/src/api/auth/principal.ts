import { Scopes } from 'sluice/internal/protocol';

/** The client of the request. */
export interface Principal {
  /** Keys, outcomes and quotas belong to this client alone. */
  readonly client: string;
  readonly scopes: Scopes;
}

/** Without authentication all requests belong to one client, because any program could claim a name. */
export const anybody: Principal = {
  client: '',
  scopes: new Scopes(['read:*', 'write:*', 'operate', 'bodies']),
};
