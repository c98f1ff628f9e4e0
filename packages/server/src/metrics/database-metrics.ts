/** Gauges of the whole database. Every process tells the same, so whoever adds processes up takes the greatest. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { countedMax, type DatabaseReading } from './database-reader.ts';

const depthHelp = `Counted up to ${countedMax}, beyond that estimated from PostgreSQL's statistics`;
const everywhere = 'The same from every process: take the max';

export function databaseMetrics(registry: Registry, read: () => Promise<DatabaseReading | null>): void {
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    set: (gauge: Gauge, reading: DatabaseReading) => void,
  ): void => {
    registry.registerMetric(
      new Gauge({
        name,
        help: `${help}. ${everywhere}`,
        labelNames,
        registers: [],
        async collect() {
          const reading = await read();
          // What was told before is not known to hold any more: no sample is better than an old one.
          this.reset();
          if (reading !== null) set(this, reading);
          else if (labelNames.length === 0) this.remove();
        },
      }),
    );
  };
  registry.registerMetric(
    new Gauge({
      name: 'sluice_database_up',
      help: '1: the database answered the query behind the gauges; 0: it did not, and they are left out',
      registers: [],
      async collect() {
        this.set((await read()) === null ? 0 : 1);
      },
    }),
  );
  gauge(
    'sluice_intake_writes',
    `Writes in the intake, by state: ready, blocked. ${depthHelp}`,
    ['state'],
    (g, r) => {
      g.set({ state: 'ready' }, r.readyWrites);
      g.set({ state: 'blocked' }, r.blockedWrites);
    },
  );
  gauge(
    'sluice_intake_oldest_age_seconds',
    'Age of the write that has been in the intake longest, by state: ready, blocked; 0: there is none. Left out while ' +
      'the intake has more than 100,000 dead rows',
    ['state'],
    (g, r) => {
      if (r.oldestReadySeconds !== null) g.set({ state: 'ready' }, r.oldestReadySeconds);
      if (r.oldestBlockedSeconds !== null) g.set({ state: 'blocked' }, r.oldestBlockedSeconds);
    },
  );
  gauge(
    'sluice_intake_dead_rows',
    'Rows of the intake that wait for VACUUM, as PostgreSQL estimates',
    [],
    (g, r) => g.set(r.deadRows),
  );
  gauge('sluice_dead_letter_writes', `Dead letters that are kept. Counted up to ${countedMax}`, [], (g, r) =>
    g.set(r.deadLetters),
  );
  gauge('sluice_unled_lanes', 'Lanes that nobody leads', [], (g, r) => g.set(r.unledLanes));
  gauge(
    'sluice_lane_locked_by_stranger_seconds',
    'Lanes whose lock another program holds, which nobody can lead: by whom, and for how long at most',
    ['lane', 'pid', 'application', 'role'],
    (g, r) => {
      for (const { lane, pid, application, role, seconds } of r.laneStrangers)
        g.set({ lane, pid: pid ?? '', application, role }, seconds);
    },
  );
  gauge('sluice_paused_lanes', 'Lanes that an operator has paused', [], (g, r) => g.set(r.pausedLanes));
  gauge('sluice_retrying_lanes', 'Lanes whose leader tries a batch again after an error', [], (g, r) =>
    g.set(r.retryingLanes),
  );
  gauge(
    'sluice_database_sessions',
    'Sessions on the database, by what they do: running, idle, idle_in_transaction, or the type of event they wait for ' +
      '(lock, lwlock, io, client …); unknown: of other roles, without pg_read_all_stats',
    ['activity'],
    (g, r) => setEach(g, 'activity', r.sessions),
  );
  gauge(
    'sluice_lock_waiting_sessions',
    'Sessions on the database that wait for a lock, by its type; object is the lock under which NOTIFY commits',
    ['lock'],
    (g, r) => setEach(g, 'lock', r.lockWaits),
  );
  gauge('sluice_longest_lock_wait_seconds', 'How long a session has waited for a lock, at most', [], (g, r) =>
    g.set(r.longestLockWaitSeconds),
  );
  gauge(
    'sluice_oldest_transaction_age_seconds',
    'Age of the oldest transaction on the database that holds back VACUUM',
    [],
    (g, r) => g.set(r.oldestTransactionSeconds),
  );
  gauge(
    'sluice_vacuum_horizon_age_transactions',
    'Transactions since the oldest one whose dead rows VACUUM has to keep, for a session, a replication slot or a ' +
      'prepared transaction',
    [],
    (g, r) => g.set(r.horizonTransactions),
  );
  gauge(
    'sluice_notification_queue_usage_ratio',
    'How full the notification queue of the server is',
    [],
    (g, r) => g.set(r.notificationQueueRatio),
  );
  registry.registerMetric(
    new Counter({
      name: 'sluice_lane_terms_total',
      help: `Leaderships that a lane has had. ${everywhere}`,
      labelNames: ['lane'],
      registers: [],
      async collect() {
        const reading = await read();
        this.reset();
        for (const [lane, term] of Object.entries(reading?.terms ?? {})) this.inc({ lane }, term);
      },
    }),
  );
}

function setEach(gauge: Gauge, label: string, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) gauge.set({ [label]: name }, value);
}
