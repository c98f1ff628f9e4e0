// The statements of sql/queries, by name, over rows in memory. Each does what its SQL says, no more: what it may see and
// whom it waits for is the business of tables.ts. conformance.test.ts runs scripts of them here and on the real server.

import { blockedStatements } from './blocked.ts';
import { commitStatements } from './commit.ts';
import { deploymentStatements } from './deployment.ts';
import { factsStatements } from './facts.ts';
import { intakeStatements } from './intake.ts';
import { laneStatements } from './lane.ts';
import { outcomeStatements } from './outcome.ts';
import type { Statement } from './rows.ts';

export const statements: Readonly<Record<string, Statement>> = {
  ...deploymentStatements,
  ...laneStatements,
  ...intakeStatements,
  ...factsStatements,
  ...commitStatements,
  ...blockedStatements,
  ...outcomeStatements,
};
