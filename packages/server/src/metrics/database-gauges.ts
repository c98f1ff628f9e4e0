/** The names of the gauges of the whole database, with the part of a reading that each shows. */
import type { Gauge } from 'prom-client';
import { countedMax, type DatabaseReading } from './database-reader.ts';

export interface DatabaseGauge {
  name: string;
  help: string;
  /** @default none */
  labelNames?: string[];
  set: (gauge: Gauge, reading: DatabaseReading) => void;
}

const depthHelp = `Exact up to ${countedMax}, above that an estimate from PostgreSQL's statistics`;

const intakeGauges: DatabaseGauge[] = [
  {
    name: 'sluice_intake_writes',
    help: `Writes in the intake, by state: ready, blocked. ${depthHelp}`,
    labelNames: ['state'],
    set(gauge, { readyWrites, blockedWrites }) {
      gauge.set({ state: 'ready' }, readyWrites);
      gauge.set({ state: 'blocked' }, blockedWrites);
    },
  },
  {
    name: 'sluice_intake_oldest_age_seconds',
    help:
      'Age of the oldest write in the intake, by state: ready, blocked. 0: there is none. Omitted while ' +
      'the intake has more than 100,000 dead rows',
    labelNames: ['state'],
    set(gauge, { oldestReadySeconds, oldestBlockedSeconds }) {
      if (oldestReadySeconds !== null) gauge.set({ state: 'ready' }, oldestReadySeconds);
      if (oldestBlockedSeconds !== null) gauge.set({ state: 'blocked' }, oldestBlockedSeconds);
    },
  },
  {
    name: 'sluice_intake_dead_rows',
    help: 'Dead rows of the intake, as PostgreSQL estimates',
    set: (gauge, { deadRows }) => gauge.set(deadRows),
  },
  {
    name: 'sluice_dead_letter_writes',
    help: `Dead letters. Exact up to ${countedMax}`,
    set: (gauge, { deadLetters }) => gauge.set(deadLetters),
  },
];

const laneGauges: DatabaseGauge[] = [
  {
    name: 'sluice_unled_lanes',
    help: 'Lanes without a leader',
    set: (gauge, { unledLanes }) => gauge.set(unledLanes),
  },
  {
    name: 'sluice_lane_locked_by_stranger_seconds',
    help: 'Lanes whose lock another program holds, so that no session can lead them: the holder, and the longest time it may have held it',
    labelNames: ['lane', 'pid', 'application', 'role'],
    set(gauge, { laneStrangers }) {
      for (const { lane, pid, application, role, seconds } of laneStrangers)
        gauge.set({ lane, pid: pid ?? '', application, role }, seconds);
    },
  },
  {
    name: 'sluice_paused_lanes',
    help: 'Lanes that an operator has paused',
    set: (gauge, { pausedLanes }) => gauge.set(pausedLanes),
  },
  {
    name: 'sluice_retrying_lanes',
    help: 'Lanes whose leader retries a batch after an error',
    set: (gauge, { retryingLanes }) => gauge.set(retryingLanes),
  },
];

const serverGauges: DatabaseGauge[] = [
  {
    name: 'sluice_database_sessions',
    help:
      'Sessions on the database, by what they do: running, idle, idle_in_transaction, or the type of event they wait for ' +
      '(lock, lwlock, io, client …); unknown: of other roles, without pg_read_all_stats',
    labelNames: ['activity'],
    set: (gauge, { sessions }) => setEach(gauge, 'activity', sessions),
  },
  {
    name: 'sluice_lock_waiting_sessions',
    help: 'Sessions on the database that wait for a lock, by its type; object is the lock under which NOTIFY commits',
    labelNames: ['lock'],
    set: (gauge, { lockWaits }) => setEach(gauge, 'lock', lockWaits),
  },
  {
    name: 'sluice_longest_lock_wait_seconds',
    help: 'Longest time that a session has waited for a lock',
    set: (gauge, { longestLockWaitSeconds }) => gauge.set(longestLockWaitSeconds),
  },
  {
    name: 'sluice_oldest_transaction_age_seconds',
    help: 'Age of the oldest transaction on the database that holds back VACUUM',
    set: (gauge, { oldestTransactionSeconds }) => gauge.set(oldestTransactionSeconds),
  },
  {
    name: 'sluice_vacuum_horizon_age_transactions',
    help:
      'Transactions since the oldest one whose dead rows VACUUM has to keep, for a session, a replication slot or a ' +
      'prepared transaction',
    set: (gauge, { horizonTransactions }) => gauge.set(horizonTransactions),
  },
  {
    name: 'sluice_notification_queue_usage_ratio',
    help: 'Used part of the notification queue of the server',
    set: (gauge, { notificationQueueRatio }) => gauge.set(notificationQueueRatio),
  },
];

export const databaseGauges: readonly DatabaseGauge[] = [...intakeGauges, ...laneGauges, ...serverGauges];

function setEach(gauge: Gauge, label: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) gauge.set({ [label]: name }, value);
}
