import { Scopes } from 'sluice/internal/protocol';

/** Who asks. */
export interface Principal {
  /** Keys, outcomes and quotas are this client's alone. */
  readonly client: string;
  readonly scopes: Scopes;
}

/** Everybody, where nobody is asked who they are: all are one client, as a name that anybody may claim tells nothing. */
export const anybody: Principal = {
  client: '',
  scopes: new Scopes(['read:*', 'write:*', 'operate', 'bodies']),
};
