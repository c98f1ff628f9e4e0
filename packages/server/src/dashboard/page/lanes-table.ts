/** Every lane: its leader, its waiting writes, its state. Fifty on a page, because there may be a thousand. */
import { confirm, tell } from './confirm.ts';
import { h, keyedRows, replace, scrolling, setText } from './dom.ts';
import { age, count, counted, duration, figure, none } from './format.ts';
import type { LiveView } from './live.ts';
import type { LaneView } from './messages.ts';
import type { PageContext } from './page.ts';
import { pager } from './pager.ts';
import { sparkline } from './plot.ts';
import { change } from './server.ts';

const pageLanes = 50;

const columns = [
  { key: 'lane', name: 'Lane', value: ({ lane }: LaneView) => lane },
  { key: 'condition', name: 'State', value: (lane: LaneView) => states.findIndex((state) => state.is(lane)) },
  { key: 'leader', name: 'Leader', value: leaderOf },
  { key: 'term', name: 'Term', value: ({ term }: LaneView) => -term, isNumber: true },
  { key: 'ready', name: 'Ready', value: ({ ready }: LaneView) => -ready, isNumber: true },
  { key: 'blocked', name: 'Blocked', value: ({ blocked }: LaneView) => -blocked, isNumber: true },
  {
    key: 'oldest',
    name: 'Oldest',
    value: ({ oldestAcceptedAt }: LaneView) => oldestAcceptedAt ?? '~',
    isNumber: true,
  },
  {
    key: 'rate',
    name: 'Writes/s',
    value: ({ activity }: LaneView) => -(activity?.writesPerSecond ?? 0),
    isNumber: true,
  },
  {
    key: 'batch',
    name: 'Batch',
    value: ({ activity }: LaneView) => -(activity?.batchWrites ?? 0),
    isNumber: true,
  },
  {
    key: 'took',
    name: 'Batch time',
    value: ({ activity }: LaneView) => -(activity?.batchMs ?? 0),
    isNumber: true,
  },
] as const;

type Column = (typeof columns)[number];

const states = [
  { name: 'paused', tone: 'warn', is: ({ pausedAt }: LaneView) => pausedAt !== null },
  { name: 'no leader', tone: 'bad', is: ({ isLed }: LaneView) => !isLed },
  { name: 'retrying', tone: 'warn', is: ({ retry }: LaneView) => retry !== null },
  { name: 'led', tone: 'good', is: () => true },
];

const filters: Record<string, (lane: LaneView) => boolean> = {
  'all lanes': () => true,
  'lanes that need attention': ({ isLed, pausedAt, retry }) => !isLed || pausedAt !== null || retry !== null,
  'lanes in which writes wait': ({ ready, blocked }) => ready + blocked > 0,
  'paused lanes': ({ pausedAt }) => pausedAt !== null,
};

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
  const heads = columns.map((column) => {
    const head = h(
      'th',
      { scope: 'col', class: `${column.key}${'isNumber' in column ? ' number' : ''}` },
      h(
        'button',
        {
          type: 'button',
          class: 'sort',
          onclick: () => {
            sorted = column;
            show(0);
          },
        },
        column.name,
      ),
    );
    return { column, head };
  });
  const mayAct = !page.session.isReadOnly;
  const all = h('div', { class: 'buttons' });
  const fill = keyedRows<LaneView>(body, {
    key: ({ lane }) => String(lane),
    create: ({ lane }) => createRow(lane, page, () => view),
  });

  function matching(): LaneView[] {
    const lanes = (view?.lanes ?? []).filter(filters[filter.value]!);
    const { value } = sorted;
    return lanes.sort((a, b) => compare(value(a), value(b)) || a.lane - b.lane);
  }

  function show(from: number): void {
    const lanes = matching();
    first = Math.max(0, Math.min(from, Math.floor(Math.max(0, lanes.length - 1) / pageLanes) * pageLanes));
    for (const { column, head } of heads) {
      if (column === sorted)
        head.setAttribute('aria-sort', column.key === 'lane' ? 'ascending' : 'descending');
      else head.removeAttribute('aria-sort');
    }
    fill(lanes.slice(first, first + pageLanes));
    const last = Math.min(lanes.length, first + pageLanes);
    turns.update({
      text: lanes.length > pageLanes ? `${first + 1}–${last} of ${count(lanes.length)}` : '',
      hasPrevious: first > 0,
      hasNext: last < lanes.length,
    });
  }

  if (mayAct) {
    const act = (action: 'pause' | 'resume') => () => void changeLanes(page, action, matching());
    add(all, 'Pause these', act('pause'));
    add(all, 'Resume these', act('resume'));
  }
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
        all,
        turns.element,
      ),
      scrolling(
        'Lanes, a table',
        h(
          'table',
          { class: 'lanes' },
          h('caption', { class: 'unseen' }, 'Lanes'),
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              ...heads.map(({ head }) => head),
              h('th', { scope: 'col' }, 'Last hour'),
              mayAct && h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'Action')),
            ),
          ),
          body,
        ),
      ),
    ),
    update(now) {
      view = now;
      show(first);
    },
  };
}

function add(parent: HTMLElement, name: string, onclick: () => void): void {
  parent.append(h('button', { type: 'button', onclick }, name));
}

function compare(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function leaderOf({ writer, isLed }: LaneView): string {
  if (writer === null) return none;
  const name = `${writer.host}/${writer.processId}`;
  return isLed ? name : `was ${name}`;
}

function createRow(lane: number, page: PageContext, current: () => LiveView | null) {
  const state = h('span', { class: 'badge' });
  const note = h('span', { class: 'note' });
  const cells = Object.fromEntries(
    columns.map(({ key, ...column }) => [
      key,
      h('td', { class: `${key}${'isNumber' in column ? ' number' : ''}` }),
    ]),
  ) as Record<Column['key'], HTMLTableCellElement>;
  cells.condition.append(state, note);
  const spark = h('td', { class: 'spark' });
  const button = h('button', { type: 'button', class: 'plain' });
  let shown: LaneView | null = null;
  let drawn = '';
  button.addEventListener('click', () => {
    if (shown !== null) void changeLanes(page, shown.pausedAt === null ? 'pause' : 'resume', [shown]);
  });
  const { lane: _, ...others } = cells;
  const name = h(
    'th',
    { scope: 'row', class: 'lane' },
    h('a', { href: `#/stuck?lane=${lane}` }, String(lane)),
  );
  const row = h(
    'tr',
    {},
    name,
    ...Object.values(others),
    spark,
    !page.session.isReadOnly && h('td', { class: 'act' }, button),
  );
  return {
    row,
    update(item: LaneView) {
      shown = item;
      const view = current();
      const now = Date.parse(view?.read.at ?? '');
      const is = states.find((each) => each.is(item))!;
      setText(state, is.name);
      state.className = `badge ${is.tone}`;
      setText(note, noteOf(item, now));
      setText(cells.leader, leaderOf(item));
      setText(cells.term, count(item.term));
      setText(cells.ready, count(item.ready));
      setText(cells.blocked, count(item.blocked));
      setText(
        cells.oldest,
        item.oldestAcceptedAt === null ? none : age((now - Date.parse(item.oldestAcceptedAt)) / 1_000),
      );
      setText(cells.rate, figure(item.activity?.writesPerSecond));
      setText(cells.batch, figure(item.activity?.batchWrites));
      setText(cells.took, duration(item.activity?.batchMs ?? null));
      // Without the present minute.
      const values = view?.minutes.slice(0, -1).map(({ lanes }) => lanes[item.lane] ?? 0) ?? [];
      if (drawn !== values.join()) {
        drawn = values.join();
        replace(spark, sparkline(values));
      }
      setText(button, item.pausedAt === null ? 'Pause' : 'Resume');
      button.setAttribute('aria-label', `${item.pausedAt === null ? 'Pause' : 'Resume'} lane ${item.lane}`);
    },
  };
}

function noteOf(
  { isLed, leaderlessSince, lockedBy, pausedAt, pausedBy, retry }: LaneView,
  now: number,
): string {
  const since = leaderlessSince === null ? '' : ` for ${age((now - Date.parse(leaderlessSince)) / 1_000)}`;
  if (pausedAt !== null) return `by ${pausedBy}${isLed ? '' : `, no leader${since}`}`;
  if (lockedBy !== null) {
    const { pid, application, role } = lockedBy;
    const who =
      pid === null ? 'a prepared transaction' : `process ${pid} (${application || 'no name'}, ${role})`;
    const lockedFor =
      lockedBy.since === null ? '' : `, ${age((now - Date.parse(lockedBy.since)) / 1_000)} old`;
    return `lock held by ${who}${lockedFor}`;
  }
  if (!isLed) return since.trim();
  if (retry !== null) return `attempt ${retry.attempt}, error ${retry.error ?? '?'}`;
  return '';
}

async function changeLanes(
  page: PageContext,
  action: 'pause' | 'resume',
  lanes: readonly LaneView[],
): Promise<void> {
  const wanted = lanes.filter(({ pausedAt }) => (pausedAt === null) === (action === 'pause'));
  if (wanted.length === 0)
    return tell(
      action === 'pause' ? 'Nothing to pause' : 'Nothing to resume',
      'All of them already have this state.',
    );
  const what = wanted.length === 1 ? `lane ${wanted[0]!.lane}` : counted(wanted.length, 'lane', 'lanes');
  const verb = action === 'pause' ? 'Pause' : 'Resume';
  const isSure = await confirm({
    title: `${verb} ${what}?`,
    contents: [
      action === 'pause'
        ? 'Their writes and clients wait until the lanes are resumed.'
        : 'Their leaders continue with the waiting writes.',
    ],
    action: verb,
    isDangerous: action === 'pause',
  });
  if (!isSure) return;
  try {
    const done = await change<{ lanes: number[] }>(action, { lanes: wanted.map(({ lane }) => lane) });
    page.announce(
      `${counted(done.lanes.length, 'lane', 'lanes')} ${action === 'pause' ? 'paused' : 'resumed'}.`,
    );
  } catch (error) {
    await tell(`Cannot ${action}`, (error as Error).message);
  }
}
