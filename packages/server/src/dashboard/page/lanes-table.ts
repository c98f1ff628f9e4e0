/** Every lane: its leader, its waiting writes, its state. Fifty on a page, because there may be a thousand. */
import { changeLanes } from './change-lanes.ts';
import { actionHead, columnHead, h, keyedRows, setAttribute, table } from './dom.ts';
import { count } from './format.ts';
import { classOf, columns, filters, type Column } from './lane-columns.ts';
import { createLaneRow } from './lane-row.ts';
import type { LiveView } from './live.ts';
import type { LaneView } from './messages.ts';
import type { PageContext } from './page.ts';
import { pager, type Turns } from './pager.ts';

const pageLanes = 50;

export function lanesTable(page: PageContext): { element: HTMLElement; update: (view: LiveView) => void } {
  let view: LiveView | null = null;
  let sorted: Column = columns[0];
  let first = 0;
  const filter = h(
    'select',
    { id: 'lane-filter', onchange: () => show(0) },
    ...Object.keys(filters).map((name) => h('option', {}, name)),
  );
  const turns = pager('Pages of lanes', (by) => show(first + by * pageLanes));
  const body = h('tbody');
  const heads = columns.map((column) => ({ column, head: sortingHead(column, () => show(0, column)) }));
  const mayAct = !page.session.isReadOnly;
  const fill = keyedRows<LaneView>(body, {
    key: ({ lane }) => String(lane),
    create: ({ lane }) => createLaneRow(lane, page, () => view),
  });

  const matching = (): LaneView[] =>
    (view?.lanes ?? []).filter(filters[filter.value]!).sort((a, b) => compareBy(sorted, a, b));

  function show(from: number, by = sorted): void {
    sorted = by;
    const lanes = matching();
    first = Math.max(0, Math.min(from, Math.floor(Math.max(0, lanes.length - 1) / pageLanes) * pageLanes));
    for (const { column, head } of heads) showOrder(head, column, sorted);
    fill(lanes.slice(first, first + pageLanes));
    turns.update(turnsAt(first, lanes.length));
  }

  const act = (name: string, action: 'pause' | 'resume') =>
    mayAct &&
    h('button', { type: 'button', onclick: () => void changeLanes(page, action, matching()) }, name);
  return {
    element: h(
      'section',
      { 'aria-labelledby': 'lanes' },
      h(
        'div',
        { class: 'head' },
        h('h2', { id: 'lanes' }, 'Lanes'),
        h('label', { for: 'lane-filter', class: 'unseen' }, 'Lanes shown'),
        filter,
        h('div', { class: 'buttons' }, act('Pause these', 'pause'), act('Resume these', 'resume')),
        turns.element,
      ),
      table({
        name: 'Lanes',
        class: 'lanes',
        heads: [...heads.map(({ head }) => head), columnHead('Last hour'), mayAct && actionHead()],
        body,
      }),
    ),
    update(now) {
      view = now;
      show(first);
    },
  };
}

function sortingHead(column: Column, onclick: () => void): HTMLTableCellElement {
  return columnHead(h('button', { type: 'button', class: 'sort', onclick }, column.name), classOf(column));
}

function showOrder(head: HTMLTableCellElement, column: Column, sorted: Column): void {
  const order = column.key === 'lane' ? 'ascending' : 'descending';
  setAttribute(head, 'aria-sort', column === sorted ? order : null);
}

function compareBy({ value }: Column, one: LaneView, other: LaneView): number {
  const [a, b] = [value(one), value(other)];
  return a < b ? -1 : a > b ? 1 : one.lane - other.lane;
}

function turnsAt(first: number, lanes: number): Turns {
  const last = Math.min(lanes, first + pageLanes);
  return {
    text: lanes > pageLanes ? `${first + 1}–${last} of ${count(lanes)}` : '',
    hasPrevious: first > 0,
    hasNext: last < lanes,
  };
}
