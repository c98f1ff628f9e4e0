/** One lane of the table. */
import { changeLanes } from './change-lanes.ts';
import { h, replace, setText } from './dom.ts';
import { age, count, duration, figure, none } from './format.ts';
import { classOf, columns, leaderOf, noteOf, states, type Column } from './lane-columns.ts';
import type { LiveView } from './live.ts';
import type { LaneView } from './messages.ts';
import type { PageContext } from './page.ts';
import { sparkline } from './plot.ts';

/** @param current The view of which the lane is a part: its clock, and the minutes of the sparkline. */
export function createLaneRow(lane: number, page: PageContext, current: () => LiveView | null) {
  const state = h('span', { class: 'badge' });
  const note = h('span', { class: 'note' });
  const cells = Object.fromEntries(
    columns.map((column) => [column.key, h('td', { class: classOf(column) })]),
  ) as Record<Column['key'], HTMLTableCellElement>;
  cells.condition.append(state, note);
  const { lane: _, ...others } = cells;
  const spark = h('td', { class: 'spark' });
  const button = h('button', { type: 'button', class: 'plain' });
  let shown: LaneView | null = null;
  let drawn = '';
  button.addEventListener('click', () => {
    if (shown !== null) void changeLanes(page, shown.pausedAt === null ? 'pause' : 'resume', [shown]);
  });
  const link = h('a', { href: `#/stuck?lane=${lane}` }, String(lane));
  return {
    row: h(
      'tr',
      {},
      h('th', { scope: 'row', class: 'lane' }, link),
      ...Object.values(others),
      spark,
      !page.session.isReadOnly && h('td', { class: 'act' }, button),
    ),
    update(item: LaneView) {
      shown = item;
      const view = current();
      const now = Date.parse(view?.read.at ?? '');
      const is = states.find((each) => each.is(item))!;
      setText(state, is.name);
      state.className = `badge ${is.tone}`;
      setText(note, noteOf(item, now));
      for (const [key, text] of Object.entries(textsOf(item, now)))
        setText(cells[key as Column['key']], text);
      // Without the present minute.
      const values = view?.minutes.slice(0, -1).map(({ lanes }) => lanes[item.lane] ?? 0) ?? [];
      if (drawn !== values.join()) {
        drawn = values.join();
        replace(spark, sparkline(values));
      }
      const verb = item.pausedAt === null ? 'Pause' : 'Resume';
      setText(button, verb);
      button.setAttribute('aria-label', `${verb} lane ${item.lane}`);
    },
  };
}

function textsOf(lane: LaneView, now: number): Partial<Record<Column['key'], string>> {
  const { term, ready, blocked, oldestAcceptedAt, activity } = lane;
  return {
    leader: leaderOf(lane),
    term: count(term),
    ready: count(ready),
    blocked: count(blocked),
    oldest: oldestAcceptedAt === null ? none : age((now - Date.parse(oldestAcceptedAt)) / 1_000),
    rate: figure(activity?.writesPerSecond),
    batch: figure(activity?.batchWrites),
    took: duration(activity?.batchMs ?? null),
  };
}
