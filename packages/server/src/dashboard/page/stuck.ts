/** Waiting writes and dead letters: filtered by the URL, shown page by page, with actions in bulk. */
import type { StuckFilter } from 'sluice/operator';
import { h } from './dom.ts';
import type { PageContext, View } from './page.ts';
import { StuckList } from './stuck-list.ts';

export function stuck(page: PageContext, parameters: URLSearchParams): View {
  const filter = filterOf(parameters);
  const sought = parameters.get('find');
  const list = new StuckList(page, filter, sought);
  return {
    title: 'Stuck writes',
    element: h(
      'div',
      {},
      h('h1', {}, filter.reason === 'dead_letter' ? 'Dead letters' : 'Stuck writes'),
      searchForm(sought ?? ''),
      filterForm(page, filter),
      ...list.elements,
    ),
    update: () => list.refresh(),
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
    field('lane', 'Lane', { type: 'number', min: 0 }),
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
