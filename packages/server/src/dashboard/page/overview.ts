/** The first view: problems, throughput, every lane, every writer. */
import type { ActivityMinute } from 'sluice/operator';
import { h, replace, setText } from './dom.ts';
import { age, count, counted, duration, figure } from './format.ts';
import { lanesTable } from './lanes-table.ts';
import type { LiveView } from './live.ts';
import type { PageContext, View } from './page.ts';
import { plot } from './plot.ts';
import { writersTable } from './writers-table.ts';

export function overview(page: PageContext): View {
  const tiles = tileRow();
  const plots = h('div', { class: 'plots' });
  const lanes = lanesTable(page);
  const writers = writersTable(page);
  const waiting = h('p', { class: 'muted' }, 'Reading the database …');
  const contents = h('div', { hidden: true }, tiles.element, plots, lanes.element, writers.element);
  let plotted = '';
  return {
    title: 'Overview',
    element: h('div', {}, h('h1', {}, 'Overview'), waiting, contents),
    update() {
      const { view } = page.live;
      if (view === null) return;
      waiting.hidden = true;
      contents.hidden = false;
      tiles.update(view);
      lanes.update(view);
      writers.update(view);
      // Drawn again when a number has changed, unless a user reads the numbers.
      const drawn = JSON.stringify(view.minutes.map((minute) => ({ ...minute, lanes: null })));
      if (drawn === plotted || plots.querySelector('details[open]') !== null) return;
      plotted = drawn;
      replace(plots, ...plotsOf(view));
    },
  };
}

function plotsOf({ minutes, read }: LiveView): HTMLElement[] {
  const now = Date.parse(read.at);
  const known = new Map(minutes.map((minute) => [minute.minute, minute]));
  const hour = Array.from({ length: 60 }, (_, index) =>
    new Date((Math.floor(now / 60_000) - 59 + index) * 60_000).toISOString(),
  );
  const over = (valueOf: (minute: ActivityMinute) => number | null) =>
    hour.map((name) => {
      const minute = known.get(name);
      return minute === undefined ? null : valueOf(minute);
    });
  /** The present minute counts for the part that has passed. */
  const perSecond = (writes: number, { minute }: ActivityMinute): number =>
    writes / Math.min(60, Math.max(5, (now - Date.parse(minute)) / 1_000));
  return [
    plot({
      title: 'Settled, writes/s',
      minutes: hour,
      series: [
        {
          name: 'all',
          tone: 'a',
          values: over((minute) => perSecond(minute.writes, minute)),
          isFilled: true,
        },
        {
          name: 'refused or not applied',
          tone: 'bad',
          values: over((minute) => perSecond(minute.refused + minute.notApplied, minute)),
        },
      ],
      format: figure,
    }),
    plot({
      title: 'From a write to its outcome',
      minutes: hour,
      series: [
        { name: '50 %', tone: 'a', values: over(({ p50Ms }) => p50Ms) },
        { name: '99 %', tone: 'b', values: over(({ p99Ms }) => p99Ms) },
      ],
      format: duration,
    }),
  ];
}

interface Tile {
  label: string;
  value: (view: LiveView) => string;
  note: (view: LiveView) => string;
  isBad?: (view: LiveView) => boolean;
  href?: string;
}

const tileList: readonly Tile[] = [
  {
    label: 'Settled',
    value: ({ lanes }) =>
      `${figure(lanes.reduce((sum, { activity }) => sum + (activity?.writesPerSecond ?? 0), 0))}/s`,
    note: ({ minutes }) => {
      const last = minutes.at(-2);
      return last?.p50Ms === null || last === undefined
        ? 'in the last minute'
        : `half within ${duration(last.p50Ms)}`;
    },
  },
  {
    label: 'Waiting',
    value: ({ lanes }) => count(lanes.reduce((sum, { ready, blocked }) => sum + ready + blocked, 0)),
    note: (view) => {
      const oldest = oldestSeconds(view);
      return oldest === null ? 'no write waits' : `the oldest for ${age(oldest)}`;
    },
    href: '#/stuck',
  },
  {
    label: 'Blocked',
    value: ({ lanes }) => count(lanes.reduce((sum, { blocked }) => sum + blocked, 0)),
    note: () => 'wait for a document, a row or a write',
    href: '#/stuck?reason=blocked',
  },
  {
    label: 'Dead letters',
    value: ({ read }) => `${count(read.deadLetters)}${read.deadLettersAreBounded ? ' or more' : ''}`,
    note: ({ read }) => (read.deadLetters === 0 ? 'none' : 'wait for an operator'),
    isBad: ({ read }) => read.deadLetters > 0,
    href: '#/stuck?reason=dead_letter',
  },
  {
    label: 'Lanes without leader',
    value: ({ lanes }) => count(lanes.filter(({ isLed }) => !isLed).length),
    note: ({ lanes }) => {
      const paused = lanes.filter(({ pausedAt }) => pausedAt !== null).length;
      return `of ${count(lanes.length)}${paused === 0 ? '' : `, ${count(paused)} paused`}`;
    },
    isBad: ({ lanes }) => lanes.some(({ isLed }) => !isLed),
  },
  {
    label: 'Writers',
    value: (view) => count(living(view).length),
    note: (view) =>
      counted(living(view).filter(({ lanes }) => lanes > 0).length, 'leads lanes', 'lead lanes'),
    isBad: (view) =>
      living(view).length === 0 && view.lanes.some(({ ready, blocked }) => ready + blocked > 0),
  },
];

function living({ writers }: LiveView): LiveView['writers'] {
  return writers.filter(({ state }) => state !== 'gone' && state !== 'stopped');
}

function oldestSeconds({ lanes, read }: LiveView): number | null {
  const oldest = lanes.flatMap(({ oldestAcceptedAt }) => oldestAcceptedAt ?? []).sort()[0];
  return oldest === undefined ? null : (Date.parse(read.at) - Date.parse(oldest)) / 1_000;
}

function tileRow(): { element: HTMLElement; update: (view: LiveView) => void } {
  const shown = tileList.map((tile) => {
    const value = h('span', { class: 'value' });
    const note = h('span', { class: 'note' });
    const label = h('span', { class: 'label' }, tile.label);
    const element =
      tile.href === undefined
        ? h('li', { class: 'tile' }, label, value, note)
        : h('li', { class: 'tile' }, h('a', { href: tile.href }, label, value, note));
    return { tile, element, value, note };
  });
  return {
    element: h('ul', { class: 'tiles', 'aria-label': 'Summary' }, ...shown.map(({ element }) => element)),
    update(view) {
      for (const { tile, element, value, note } of shown) {
        setText(value, tile.value(view));
        setText(note, tile.note(view));
        element.classList.toggle('bad', tile.isBad?.(view) === true);
      }
    },
  };
}
