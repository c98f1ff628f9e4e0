/** The writes that match a filter or a search: read a page at a time, counted now and then, and acted on. */
import type { StuckCounts, StuckFilter } from 'sluice/operator';
import { discard, retry } from './bulk.ts';
import { h, replace, setText } from './dom.ts';
import { count } from './format.ts';
import type { Found, WriteList } from './messages.ts';
import type { PageContext } from './page.ts';
import { pager } from './pager.ts';
import { read } from './server.ts';
import { writesTable } from './writes-table.ts';

const pageWrites = 50;
/** The list is read again while it is live, but less often than the lanes. */
const refreshMs = { list: 3_000, count: 15_000 };

export class StuckList {
  readonly #page: PageContext;
  readonly #filter: StuckFilter;
  readonly #sought: string | null;
  /** Start of each previous page. */
  readonly #before: string[] = [];
  #after: string | null = null;
  #next: string | null = null;
  #total: number | null = null;
  #isBusy = false;
  #isWanted = false;
  #lastRead = 0;
  #lastCounted = Number.NEGATIVE_INFINITY;
  readonly #status = h('p', { class: 'muted', role: 'status' }, 'Looking …');
  readonly #failure = h('p', { class: 'failure', role: 'alert', hidden: true });
  readonly #turns = pager('Pages of writes', (by) => this.#turn(by));
  readonly #table;
  readonly #selected = h('span', { class: 'note' });
  readonly #forSelected = [
    this.#button('Retry selected …', retry, false),
    this.#button('Discard selected …', discard, false),
  ];
  readonly #forAll = [
    this.#button('Retry all that match …', retry, true),
    this.#button('Discard all that match …', discard, true),
  ];

  constructor(page: PageContext, filter: StuckFilter, sought: string | null) {
    this.#page = page;
    this.#filter = filter;
    this.#sought = sought;
    this.#table = writesTable({ mayAct: this.#mayAct, onSelect: () => this.#showActions() });
    this.#showActions();
    void this.#show();
  }

  get elements(): HTMLElement[] {
    const buttons = [...this.#forSelected, ...this.#forAll];
    return [
      this.#failure,
      h('div', { class: 'head' }, this.#status, this.#turns.element),
      h('div', { class: 'buttons', hidden: !this.#mayAct }, ...buttons, this.#selected),
      this.#table.element,
    ];
  }

  /** A selection stays unchanged, and so do later pages. */
  refresh(): void {
    const isStill = this.#table.selected().length > 0 || this.#before.length > 0 || this.#sought !== null;
    const isDue = performance.now() - this.#lastRead > refreshMs.list;
    if (this.#page.live.status === 'live' && !isStill && isDue) void this.#show();
  }

  get #mayAct(): boolean {
    return !this.#page.session.isReadOnly;
  }

  #button(name: string, action: typeof retry, isAll: boolean): HTMLButtonElement {
    return h('button', { type: 'button', onclick: () => void this.#act(action, isAll) }, name);
  }

  async #act(action: typeof retry, isAll: boolean): Promise<void> {
    const target = isAll ? { matching: this.#filter } : { writeIds: this.#table.selected() };
    if (!(await action(this.#page, target))) return;
    this.#table.clear();
    this.#lastCounted = Number.NEGATIVE_INFINITY;
    await this.#show();
  }

  #showActions(): void {
    const ids = this.#table.selected();
    const hasFilter = Object.keys(this.#filter).length > 0;
    for (const each of this.#forSelected) each.disabled = ids.length === 0;
    for (const each of this.#forAll) {
      each.disabled = !hasFilter || this.#sought !== null;
      each.title = hasFilter ? '' : 'Set a filter first';
    }
    setText(this.#selected, ids.length === 0 ? '' : `${count(ids.length)} selected`);
  }

  #turn(by: -1 | 1): void {
    if (by === 1 && this.#next !== null) {
      this.#before.push(this.#after ?? '');
      this.#after = this.#next;
    } else this.#after = this.#before.pop() || null;
    this.#table.clear();
    void this.#show();
  }

  async #show(): Promise<void> {
    this.#isWanted = true;
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#lastRead = performance.now();
    try {
      // Requests that came meanwhile follow.
      while (this.#isWanted) {
        this.#isWanted = false;
        if (this.#sought === null) await this.#list();
        else await this.#find(this.#sought);
      }
      this.#failure.hidden = true;
    } catch (error) {
      setText(this.#failure, (error as Error).message);
      this.#failure.hidden = false;
    } finally {
      this.#isBusy = false;
    }
  }

  async #list(): Promise<void> {
    const asked = { ...this.#filter } as Record<string, string | number>;
    const { writes, next } = await read<WriteList>('stuck', {
      ...asked,
      limit: pageWrites,
      after: this.#after,
    });
    this.#next = next;
    this.#table.update(writes);
    this.#showActions();
    const isCountOld = performance.now() - this.#lastCounted > refreshMs.count;
    if (isCountOld || (this.#total ?? 0) <= pageWrites) await this.#count(asked);
    const pages = this.#before.length;
    this.#turns.update({
      text: pages > 0 || next !== null ? `Page ${pages + 1}` : '',
      hasPrevious: pages > 0,
      hasNext: next !== null,
    });
  }

  async #count(asked: Record<string, string | number>): Promise<void> {
    this.#lastCounted = performance.now();
    const { total, isBounded } = await read<StuckCounts>('stuck/count', asked);
    this.#total = total;
    const noun = total === 1 ? 'write' : 'writes';
    setText(
      this.#status,
      total === 0
        ? 'No waiting write and no dead letter matches.'
        : `${count(total)}${isBounded ? ' or more' : ''} ${noun}, the oldest first`,
    );
  }

  async #find(text: string): Promise<void> {
    const { writeIds, writes } = await read<Found>('find', { text });
    const [only] = writeIds;
    if (writeIds.length === 1 && only !== undefined) {
      location.replace(`#/write/${only}`);
      return;
    }
    this.#table.update(writes);
    this.#showActions();
    this.#turns.update({ text: '', hasPrevious: false, hasNext: false });
    const waiting = new Set(writes.map(({ writeId }) => writeId));
    const settled = writeIds.filter((id) => !waiting.has(id));
    replace(
      this.#status,
      writeIds.length === 0
        ? `No write has this id or key, and no waiting write concerns a document with this id: ${text}`
        : `${count(writeIds.length)} writes found${settled.length > 0 ? '; settled: ' : ''}`,
      ...settled.map((id) => h('a', { href: `#/write/${id}`, class: 'id' }, id)),
    );
  }
}
