// Agreement, who writes, and rows for people.

import { now, read, type Statement, unnest } from './rows.ts';

export const deploymentStatements = {
  *proposeSettings(call) {
    yield* call.access.insert('setting', unnest(['name', 'value'], call.values), 'nothing');
    return [];
  },
  readSettings: read(({ access, server }) => [
    ...access.select('setting'),
    { name: 'schema_version', value: String(server.schemaVersion) },
    { name: 'lane_rows', value: String(access.select('lane').length) },
  ]),
  readAbility: read(() => [{ is_read_only: false, role: 'simulated', missing: [] }]),
  readBackend: read(() => [{ pid: 1 }]),
  agreeProjections: read(() => [{ agreed: '' }]),
  // No deployment of the simulation has targets.
  saveTargets: read(() => []),
  *createLanes(call) {
    const lanes = Array.from({ length: call.values[0] as number }, (_, lane) => ({
      lane,
      term: 0,
      paused_at: null,
      led_since: null,
      leased_until: null,
      writer_id: null,
      suspect_since: null,
      trials: 0,
      tried: null,
      left_at: now(),
    }));
    yield* call.access.insert('lane', lanes, 'nothing');
    return [];
  },
  *registerWriter({ access, values }) {
    yield* access.insert('writer', [{ writer_id: values[0] }], 'nothing');
    return [];
  },
  noteSession: read(() => []),
  findBlocker: read(() => []),
  isBackendWorking: read(({ server, values }) => [
    { is_working: [...server.sessions].some(({ pid, isAtWork }) => pid === values[0] && isAtWork) },
  ]),
  retireWriter: read(() => []),
  forgetWriters: read(() => []),
  forgetOutcomes: read(() => []),
  forgetClocks: read(() => []),
  noteClock: read(() => []),
  readClock: read(() => [{ now: now() }]),
  forgetLeases: read(() => []),
  noteRetry: read(() => []),
  forgetRetry: read(() => []),
} satisfies Record<string, Statement>;
