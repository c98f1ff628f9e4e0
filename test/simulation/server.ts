// A PostgreSQL, as far as the product can tell: sessions that run one statement at a time, transactions that see what was
// committed before each of their statements, flushes, locks of sessions, notifications at commit, time limits, crashes.

import type { DatabaseError, Row } from 'sluice/internal/store';
import { clock, type SimulatedProcess } from './clock.ts';
import { statements } from './statements/index.ts';
import {
  Access,
  createTables,
  databaseError,
  endTransaction,
  undo,
  type Steps,
  type TableName,
  type Tables,
  type Transaction,
} from './tables.ts';

export interface Reply {
  rows: Row[];
  command: string;
  rowCount: number;
}

interface Message {
  name: string;
  values: readonly unknown[];
  answer: (reply: Reply | DatabaseError) => void;
}

/** The client's end of a connection: told when the server's end is gone. */
export interface Remote {
  process: SimulatedProcess | null;
  onClosed: (error: DatabaseError | null) => void;
  onNote: (channel: string, payload: string) => void;
}

const deadlockMs = 1000;
const walWriterMs = 200;

export class Server {
  tables: Tables = createTables();
  readonly sessions = new Set<ServerSession>();
  isUp = true;
  /** No transaction that notifies can commit: the queue is full. */
  isQueueFull = false;
  /** Percentage of hints that are lost. */
  hintsLost = 0;
  position = 0;
  /** What processes of this program ask for. */
  readonly schemaVersion: number;
  /** Cycles of waiting that it has broken. */
  deadlocks = 0;
  /** Called after each commit. */
  onCommit: () => void = () => undefined;
  #sequence = 0;
  /** What a crash leaves. */
  #durable = 0;
  #transactions = 0;
  #pids = 1000;
  /** Who waits until a lock is free, by the lock. */
  readonly #unlockWaits = new Map<string, Set<() => void>>();

  constructor(schemaVersion: number) {
    this.schemaVersion = schemaVersion;
    const flush = (): void => {
      this.#durable = this.#sequence;
      clock.after(walWriterMs, flush);
    };
    clock.after(walWriterMs, flush);
  }

  readonly newest = (): number => this.#sequence;

  open(settings: Readonly<Record<string, string>>, remote: Remote): ServerSession | null {
    if (!this.isUp) return null;
    const session = new ServerSession(this, ++this.#pids, settings, remote);
    this.sessions.add(session);
    return session;
  }

  begin(): Transaction {
    return {
      id: ++this.#transactions,
      state: 'active',
      sequence: Number.POSITIVE_INFINITY,
      committedAt: Number.POSITIVE_INFINITY,
      touched: new Set(),
      writes: new Set(),
      isUnflushed: false,
      notes: [],
      waiters: [],
    };
  }

  /** Committed for all to see. */
  commit(transaction: Transaction, isFlushed: boolean): void {
    if (transaction.touched.size > 0) {
      transaction.sequence = ++this.#sequence;
      if (isFlushed) this.#durable = this.#sequence;
    } else transaction.sequence = this.#sequence;
    transaction.committedAt = clock.now;
    endTransaction(transaction, 'committed');
    this.onCommit();
    // Equal notes of one transaction arrive once.
    const told = new Set<string>();
    for (const { channel, payload } of transaction.notes) {
      if (told.has(`${channel} ${payload}`)) continue;
      told.add(`${channel} ${payload}`);
      for (const session of this.sessions) session.note(channel, payload);
    }
  }

  /** All sessions end; what was not flushed is gone. */
  crash(): void {
    this.isUp = false;
    for (const session of this.sessions) session.crash(clock.rng.chance(0.5));
    const isLost = (by: Transaction): boolean => by.state === 'aborted' || by.sequence > this.#durable;
    for (const table of Object.values(this.tables)) for (const tuple of table.tuples) undo(tuple, isLost);
    for (const table of Object.values(this.tables)) for (const tuple of table.tuples) tuple.holders.clear();
    // What was seen by nobody who lives was never there.
    this.#sequence = this.#durable;
  }

  restart(): void {
    this.isUp = true;
  }

  /** Open transactions that have written to this table. */
  writingTo(table: TableName): string[] {
    return [...this.sessions].flatMap(({ open }) =>
      open?.writes.has(table) === true ? [String(open.id)] : [],
    );
  }

  /** What the holder of an advisory lock is asked for. */
  locksOf(first: number): number[] {
    return [...this.sessions].flatMap((session) => session.locksOf(first));
  }

  /** The same, with who holds them. */
  *heldLocks(first: number): Iterable<{ pid: number; second: number }> {
    for (const session of this.sessions)
      for (const second of session.locksOf(first)) yield { pid: session.pid, second };
  }

  /** A wait that ends when nobody holds this lock any more, or after so many milliseconds. */
  untilUnlocked(first: number, second: number, milliseconds: number): Transaction {
    const wait = this.begin();
    const end = (): void => {
      if (wait.state === 'active') endTransaction(wait, 'committed');
    };
    const waits = this.#unlockWaits.get(`${first} ${second}`) ?? new Set();
    this.#unlockWaits.set(`${first} ${second}`, waits.add(end));
    clock.after(milliseconds, end);
    wait.waiters.push(() => waits.delete(end));
    return wait;
  }

  noteUnlocked(name: string): void {
    for (const end of this.#unlockWaits.get(name) ?? []) end();
  }

  /** Deletes versions that no transaction can see. */
  vacuum(): void {
    if ([...this.sessions].some(({ isAtWork }) => isAtWork)) return;
    for (const table of Object.values(this.tables)) {
      for (const tuple of table.tuples) {
        if (tuple.holders.size > 0) continue;
        tuple.versions = tuple.versions.filter(
          ({ endedBy }) =>
            endedBy === null || endedBy.state !== 'committed' || endedBy.sequence > this.#durable,
        );
        if (tuple.versions.length === 0) table.tuples.delete(tuple);
      }
    }
  }
}

export class ServerSession {
  readonly pid: number;
  readonly server: Server;
  isClosed = false;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #remote: Remote;
  readonly #queue: (Message | 'end')[] = [];
  readonly #locks = new Map<string, number>();
  readonly #channels = new Set<string>();
  /** Open by BEGIN. */
  #transaction: Transaction | null = null;
  #isFailed = false;
  #message: Message | null = null;
  /** Of the statement that is at work. */
  #own: Transaction | null = null;
  #waitsFor: Transaction | null = null;
  #isFlushing = false;
  #isToClose = false;
  #limits: { isCancelled: boolean }[] = [];
  #transactionLimit: { isCancelled: boolean } | null = null;
  /** How long this transaction waits for a lock, where it has a limit of its own. */
  #lockTimeout: string | null = null;
  #idle: { isCancelled: boolean } | null = null;

  constructor(server: Server, pid: number, settings: Readonly<Record<string, string>>, remote: Remote) {
    this.server = server;
    this.pid = pid;
    this.#settings = settings;
    this.#remote = remote;
    this.#beIdle();
  }

  get isAtWork(): boolean {
    // A wait for the end of another session looks at no rows.
    return this.#message !== null && this.#message.name !== 'awaitSessionEnd';
  }

  get open(): Transaction | null {
    return this.#transaction ?? this.#own;
  }

  get process(): SimulatedProcess | null {
    return this.#remote.process;
  }

  /** A statement has arrived. */
  receive(message: Message): void {
    if (this.isClosed) return;
    this.#queue.push(message);
    this.#next();
  }

  /** The client has closed, or died: what had arrived before is done all the same. */
  hangUp(): void {
    if (this.isClosed) return;
    this.#queue.push('end');
    // A statement that waits is ended once the server looks at its connection.
    const interval = this.#milliseconds('client_connection_check_interval');
    if (this.#waitsFor !== null && interval !== null) clock.after(interval, () => this.terminate('08006'));
    else this.#next();
  }

  /** By an operator, by a time limit, by the network. */
  terminate(sqlState: string): void {
    if (this.isClosed) return;
    // A commit that is being flushed is not interrupted.
    if (this.#isFlushing) this.#isToClose = true;
    else this.#close(databaseError(sqlState));
  }

  crash(isFlushed: boolean): void {
    if (this.isClosed) return;
    if (this.#isFlushing && this.#own !== null && isFlushed) this.server.commit(this.#own, true);
    this.#isFlushing = false;
    this.#close(databaseError('57P02'));
  }

  note(channel: string, payload: string): void {
    if (this.isClosed || !this.#channels.has(channel)) return;
    if (clock.rng.next() * 100 < this.server.hintsLost) return;
    this.#remote.onNote(channel, payload);
  }

  listen(channel: string): void {
    this.#channels.add(channel);
  }

  tryLock(first: number, second: number): boolean {
    const name = `${first} ${second}`;
    for (const other of this.server.sessions) if (other !== this && other.#locks.has(name)) return false;
    this.#locks.set(name, (this.#locks.get(name) ?? 0) + 1);
    return true;
  }

  /** Others may hold it, too; nobody asks for it alone. */
  lockShared(first: number, second: number): void {
    this.#locks.set(`${first} ${second}`, 1);
  }

  unlock(first: number, second: number): void {
    const name = `${first} ${second}`;
    const count = this.#locks.get(name) ?? 0;
    if (count > 1) {
      this.#locks.set(name, count - 1);
      return;
    }
    this.#locks.delete(name);
    this.server.noteUnlocked(name);
  }

  locksOf(first: number): number[] {
    return [...this.#locks.keys()].flatMap((name) => {
      const [one, second] = name.split(' ').map(Number);
      return one === first && second !== undefined ? [second] : [];
    });
  }

  limitLockWait(text: string): void {
    this.#lockTimeout = text;
  }

  #milliseconds(setting: string): number | null {
    const own = setting === 'lock_timeout' ? this.#lockTimeout : null;
    const text = own ?? this.#settings[setting];
    if (text === undefined) return null;
    return text.endsWith('ms') ? Number(text.slice(0, -2)) : Number(text.replace('s', '')) * 1000;
  }

  #limit(setting: string, onOver: () => void): { isCancelled: boolean } | null {
    const milliseconds = this.#milliseconds(setting);
    return milliseconds === null ? null : clock.after(milliseconds, onOver);
  }

  #beIdle(): void {
    const isInTransaction = this.#transaction !== null;
    const setting = isInTransaction ? 'idle_in_transaction_session_timeout' : 'idle_session_timeout';
    this.#idle = this.#limit(setting, () => this.terminate(isInTransaction ? '25P03' : '57P05'));
  }

  #next(): void {
    if (this.#message !== null || this.isClosed) return;
    const message = this.#queue.shift();
    if (message === undefined) return;
    if (this.#idle !== null) this.#idle.isCancelled = true;
    if (message === 'end') return this.#close(null);
    this.#message = message;
    clock.after(clock.rng.next() * (clock.rng.chance(0.05) ? 20 : 0.6), () => {
      if (!this.isClosed) this.#execute(message);
    });
  }

  #execute({ name, values }: Message): void {
    if (name === 'begin') {
      this.#transaction ??= this.server.begin();
      this.#transactionLimit = this.#limit('transaction_timeout', () => this.terminate('25P04'));
      return this.#answer({ rows: [], command: 'BEGIN', rowCount: 0 });
    }
    if (name === 'commit' || name === 'rollback') return this.#end(name === 'commit');
    if (this.#isFailed) return this.#answer(databaseError('25P02'));
    this.#own = this.#transaction ?? this.server.begin();
    const statement = statements[name];
    if (statement === undefined) throw new Error(`Cannot simulate the query: ${name}`);
    const access = new Access(this.server.tables, this.#own, this.server.newest);
    this.#limits = [];
    const limit = this.#limit('statement_timeout', () => this.#fail(databaseError('57014')));
    if (limit !== null) this.#limits.push(limit);
    this.#drive(statement({ access, values, session: this, server: this.server }));
  }

  #drive(steps: Steps<Row[]>): void {
    const message = this.#message;
    const own = this.#own;
    let step: IteratorResult<Transaction | null, Row[]>;
    try {
      do {
        step = steps.next();
      } while (step.done !== true && step.value === null && !clock.rng.chance(0.2));
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'DatabaseError') throw error;
      return this.#fail(error as DatabaseError);
    }
    if (step.done === true) return this.#done(step.value);
    const awaited = step.value;
    if (awaited === null) {
      // Another statement gets the processor.
      clock.after(clock.rng.next() * (clock.rng.chance(0.2) ? 20 : 1), () => {
        if (!this.isClosed && this.#message === message && this.#own === own) this.#drive(steps);
      });
      return;
    }
    this.#waitsFor = awaited;
    const isStill = (): boolean => !this.isClosed && this.#message === message && this.#waitsFor === awaited;
    const limit = this.#limit('lock_timeout', () => isStill() && this.#fail(databaseError('55P03')));
    const deadlock = clock.after(deadlockMs, () => {
      if (!isStill() || !this.#isInCycle()) return;
      this.server.deadlocks += 1;
      this.#fail(databaseError('40P01'));
    });
    awaited.waiters.push(() => {
      if (limit !== null) limit.isCancelled = true;
      deadlock.isCancelled = true;
      if (!isStill()) return;
      clock.after(clock.rng.next() * 0.2, () => {
        if (!isStill() || this.#own !== own) return;
        this.#waitsFor = null;
        this.#drive(steps);
      });
    });
  }

  #isInCycle(): boolean {
    const seen = new Set<Transaction>();
    for (let awaited = this.#waitsFor; awaited !== null && !seen.has(awaited);) {
      if (awaited === this.#own) return true;
      seen.add(awaited);
      const holder = [...this.server.sessions].find((session) => session.#own === awaited);
      awaited = holder === undefined ? null : holder.#waitsFor;
    }
    return false;
  }

  #done(rows: Row[]): void {
    const reply = { rows, command: 'SELECT', rowCount: rows.length };
    if (this.#transaction !== null) return this.#answer(reply);
    this.#commit(reply);
  }

  #end(isCommit: boolean): void {
    const transaction = this.#transaction;
    if (transaction === null)
      return this.#answer({ rows: [], command: isCommit ? 'COMMIT' : 'ROLLBACK', rowCount: 0 });
    if (this.#isFailed || !isCommit) {
      this.#leave();
      endTransaction(transaction, 'aborted');
      return this.#answer({ rows: [], command: 'ROLLBACK', rowCount: 0 });
    }
    this.#own = transaction;
    this.#commit({ rows: [], command: 'COMMIT', rowCount: 0 });
  }

  #commit(reply: Reply): void {
    const own = this.#own;
    if (own === null) return;
    if (own.notes.length > 0 && this.server.isQueueFull) return this.#fail(databaseError('54000'));
    const finish = (isFlushed: boolean): void => {
      this.#isFlushing = false;
      this.#leave();
      this.server.commit(own, isFlushed);
      this.#answer(reply);
      if (this.#isToClose) this.#close(databaseError('57P01'));
    };
    const waits = this.#settings['synchronous_commit'] !== 'off' && !own.isUnflushed;
    if (own.touched.size === 0 || !waits) return finish(false);
    this.#isFlushing = true;
    clock.after(0.2 + clock.rng.next() * (clock.rng.chance(0.1) ? 30 : 2), () => {
      if (!this.isClosed) finish(true);
    });
  }

  #leave(): void {
    this.#transaction = null;
    this.#own = null;
    this.#isFailed = false;
    this.#lockTimeout = null;
    if (this.#transactionLimit !== null) this.#transactionLimit.isCancelled = true;
  }

  /** The statement fails, and with it its transaction. */
  #fail(error: DatabaseError): void {
    if (this.isClosed || this.#message === null) return;
    this.#waitsFor = null;
    const own = this.#own;
    if (this.#transaction === null) {
      if (own !== null) endTransaction(own, 'aborted');
      this.#leave();
    } else {
      this.#isFailed = true;
      // It holds nothing any more, before its ROLLBACK.
      if (own !== null) endTransaction(own, 'aborted');
      // A COMMIT that fails ends its transaction.
      if (this.#message.name === 'commit') this.#leave();
    }
    this.#answer(error);
  }

  #answer(reply: Reply | DatabaseError): void {
    const message = this.#message;
    this.#message = null;
    for (const limit of this.#limits) limit.isCancelled = true;
    if (this.#transaction === null) this.#own = null;
    message?.answer(reply);
    if (this.#queue.length === 0) this.#beIdle();
    this.#next();
  }

  #close(error: DatabaseError | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.server.sessions.delete(this);
    const locks = [...this.#locks.keys()];
    this.#locks.clear();
    for (const name of locks) this.server.noteUnlocked(name);
    const { open } = this;
    if (open?.state === 'active') endTransaction(open, 'aborted');
    this.#remote.onClosed(error);
  }
}
