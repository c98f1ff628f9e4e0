/** Waiting writes and dead letters: filtered by the URL, shown page by page, with actions in bulk. */
import type { StuckCounts, StuckFilter } from 'sluice/operator';
import { discard, retry } from './bulk.ts';
import { h, replace, setText } from './dom.ts';
import { count } from './format.ts';
import type { Found, WriteList } from './messages.ts';
import type { PageContext, View } from './page.ts';
import { pager } from './pager.ts';
import { read } from './server.ts';
import { writesTable } from './writes-table.ts';

const pageWrites = 50;
/** The list is read again while it is live, but less often than the lanes. */
const refreshMs = { list: 3_000, count: 15_000 };

export function stuck(page: PageContext, parameters: URLSearchParams): View {
  const filter = filterOf(parameters);
  const sought = parameters.get('find');
  /** Start of each previous page. */
  const before: string[] = [];
  let after: string | null = null;
  let next: string | null = null;
  let total: number | null = null;
  let isBusy = false;
  let isWanted = false;
  let lastRead = 0;
  let lastCounted = Number.NEGATIVE_INFINITY;
  const mayAct = !page.session.isReadOnly;

  const status = h('p', { class: 'muted', role: 'status' }, 'Looking …');
  const failure = h('p', { class: 'failure', role: 'alert', hidden: true });
  const table = writesTable({ mayAct, onSelect: showActions });
  const turns = pager('Pages of writes', (by) => {
    if (by === 1 && next !== null) {
      before.push(after ?? '');
      after = next;
    } else after = before.pop() || null;
    table.clear();
    void show();
  });
  const selected = h('span', { class: 'note' });
  const act = (action: typeof retry, isAll: boolean) => async () => {
    const target = isAll ? { matching: filter } : { writeIds: table.selected() };
    if (!(await action(page, target))) return;
    table.clear();
    lastCounted = Number.NEGATIVE_INFINITY;
    await show();
  };
  const button = (name: string, onclick: () => void) => h('button', { type: 'button', onclick }, name);
  const forSelected = [
    button('Retry selected …', () => void act(retry, false)()),
    button('Discard selected …', () => void act(discard, false)()),
  ];
  const forAll = [
    button('Retry all that match …', () => void act(retry, true)()),
    button('Discard all that match …', () => void act(discard, true)()),
  ];
  const hasFilter = Object.keys(filter).length > 0;
  const actions = h('div', { class: 'buttons', hidden: !mayAct }, ...forSelected, ...forAll, selected);

  function showActions(): void {
    const ids = table.selected();
    for (const each of forSelected) each.disabled = ids.length === 0;
    for (const each of forAll) {
      each.disabled = !hasFilter || sought !== null;
      each.title = hasFilter ? '' : 'Set a filter first';
    }
    setText(selected, ids.length === 0 ? '' : `${count(ids.length)} selected`);
  }

  async function show(): Promise<void> {
    isWanted = true;
    if (isBusy) return;
    isBusy = true;
    lastRead = performance.now();
    try {
      // Requests that came meanwhile follow.
      while (isWanted) {
        isWanted = false;
        if (sought === null) await list();
        else await find(sought);
      }
      failure.hidden = true;
    } catch (error) {
      setText(failure, (error as Error).message);
      failure.hidden = false;
    } finally {
      isBusy = false;
    }
  }

  async function list(): Promise<void> {
    const asked = { ...filter } as Record<string, string | number>;
    const { writes, next: following } = await read<WriteList>('stuck', {
      ...asked,
      limit: pageWrites,
      after,
    });
    next = following;
    table.update(writes);
    showActions();
    if (performance.now() - lastCounted > refreshMs.count || (total ?? 0) <= pageWrites) {
      lastCounted = performance.now();
      const counts = await read<StuckCounts>('stuck/count', asked);
      total = counts.total;
      setText(
        status,
        total === 0
          ? 'No waiting write and no dead letter matches.'
          : `${count(total)}${counts.isBounded ? ' or more' : ''} ${total === 1 ? 'write' : 'writes'}, the oldest first`,
      );
    }
    turns.update({
      text: before.length > 0 || next !== null ? `Page ${before.length + 1}` : '',
      hasPrevious: before.length > 0,
      hasNext: next !== null,
    });
  }

  async function find(text: string): Promise<void> {
    const { writeIds, writes } = await read<Found>('find', { text });
    const [only] = writeIds;
    if (writeIds.length === 1 && only !== undefined) {
      location.replace(`#/write/${only}`);
      return;
    }
    table.update(writes);
    showActions();
    turns.update({ text: '', hasPrevious: false, hasNext: false });
    const waiting = new Set(writes.map(({ writeId }) => writeId));
    const settled = writeIds.filter((id) => !waiting.has(id));
    replace(
      status,
      writeIds.length === 0
        ? `No write has this id or key, and no waiting write concerns a document with this id: ${text}`
        : `${count(writeIds.length)} writes found${settled.length > 0 ? '; settled: ' : ''}`,
      ...settled.map((id) => h('a', { href: `#/write/${id}`, class: 'id' }, id)),
    );
  }

  showActions();
  void show();
  return {
    title: 'Stuck writes',
    element: h(
      'div',
      {},
      h('h1', {}, filter.reason === 'dead_letter' ? 'Dead letters' : 'Stuck writes'),
      searchForm(sought ?? ''),
      filterForm(page, filter),
      failure,
      h('div', { class: 'head' }, status, turns.element),
      actions,
      table.element,
    ),
    update() {
      // A selection stays unchanged, and so do later pages.
      const isStill = table.selected().length > 0 || before.length > 0 || sought !== null;
      if (page.live.status === 'live' && !isStill && performance.now() - lastRead > refreshMs.list)
        void show();
    },
  };
}

const fields = ['reason', 'lane', 'client', 'resource', 'error', 'olderThanSeconds'] as const;

function filterOf(parameters: URLSearchParams): StuckFilter {
  const filter: Record<string, string | number> = {};
  for (const field of fields) {
    const value = parameters.get(field)?.trim() ?? '';
    if (value !== '')
      filter[field] = field === 'lane' || field === 'olderThanSeconds' ? Number(value) : value;
  }
  return filter;
}

function searchForm(sought: string): HTMLElement {
  const input = h('input', {
    id: 'find',
    type: 'search',
    name: 'find',
    value: sought,
    maxlength: 255,
    required: true,
    placeholder: 'id of a write or a document, or an Idempotency-Key',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const form = h(
    'form',
    { class: 'search', role: 'search' },
    h('label', { for: 'find' }, 'Find a write'),
    input,
    h('button', { class: 'primary' }, 'Find'),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    location.hash = `#/stuck?${new URLSearchParams({ find: input.value.trim() }).toString()}`;
  });
  return form;
}

function filterForm(page: PageContext, filter: StuckFilter): HTMLElement {
  const field = (name: (typeof fields)[number], label: string, more: Record<string, string | number> = {}) =>
    h(
      'div',
      { class: 'field' },
      h('label', { for: `filter-${name}` }, label),
      h('input', { id: `filter-${name}`, name, value: filter[name] ?? '', autocomplete: 'off', ...more }),
    );
  const reason = h(
    'select',
    { id: 'filter-reason', name: 'reason' },
    h('option', { value: '' }, 'any'),
    ...Object.entries(page.session.reasons).map(([name, words]) =>
      h(
        'option',
        { value: name, selected: filter.reason === name, title: `It ${words}.` },
        name.replaceAll('_', ' '),
      ),
    ),
  );
  const form = h(
    'form',
    { class: 'filters', 'aria-label': 'Filter' },
    h('div', { class: 'field' }, h('label', { for: 'filter-reason' }, 'Reason'), reason),
    field('client', 'Client'),
    field('resource', 'Resource', { placeholder: 'shop/orders' }),
    field('lane', 'Lane', { type: 'number', min: 0, max: 32_767 }),
    field('error', 'Error', { placeholder: 'SQLSTATE' }),
    field('olderThanSeconds', 'Older than, s', { type: 'number', min: 0 }),
    h(
      'div',
      { class: 'buttons' },
      h('button', { class: 'primary' }, 'Filter'),
      h('a', { class: 'button', href: '#/stuck' }, 'Clear'),
    ),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const parameters = new URLSearchParams();
    for (const [name, value] of new FormData(form))
      if (typeof value === 'string' && value.trim() !== '') parameters.set(name, value.trim());
    location.hash = `#/stuck?${parameters.toString()}`;
  });
  return form;
}
