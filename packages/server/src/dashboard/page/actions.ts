/** Shows the actions of operators, the latest first. */
import type { AuditEntry } from 'sluice/operator';
import { h, scrolling, setText } from './dom.ts';
import { count, time } from './format.ts';
import type { PageContext, View } from './page.ts';
import { read } from './server.ts';

const pageEntries = 100;

export function actions(_page: PageContext): View {
  const body = h('tbody');
  const status = h('p', { class: 'muted', role: 'status' }, 'Looking …');
  const more = h('button', { type: 'button', hidden: true }, 'Show earlier ones');
  let before: number | null = null;
  async function show(): Promise<void> {
    try {
      const entries = await read<AuditEntry[]>('actions', { before });
      body.append(...entries.map(rowOf));
      before = entries.at(-1)?.auditId ?? before;
      more.hidden = entries.length < pageEntries;
      setText(status, body.rows.length === 0 ? 'No operator has done anything yet.' : 'The latest first');
    } catch (error) {
      setText(status, (error as Error).message);
    }
  }
  more.addEventListener('click', () => void show());
  void show();
  return {
    title: 'Actions',
    element: h(
      'div',
      {},
      h('h1', {}, 'Actions'),
      status,
      scrolling(
        'Actions, a table',
        h(
          'table',
          {},
          h('caption', { class: 'unseen' }, 'Actions of operators'),
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              ...['When', 'Action', 'What', 'Writes', 'Who', 'Database role'].map((name) =>
                h('th', { scope: 'col', class: name === 'Writes' ? 'number' : null }, name),
              ),
            ),
          ),
          body,
        ),
      ),
      more,
    ),
  };
}

function rowOf({
  doneAt,
  action,
  target,
  writes,
  writeIds,
  actor,
  databaseRole,
  detail,
}: AuditEntry): HTMLElement {
  const [only] = writeIds;
  return h(
    'tr',
    {},
    h('td', {}, time(doneAt)),
    h('th', { scope: 'row' }, action),
    h(
      'td',
      { class: 'reason' },
      writeIds.length === 1 && only !== undefined
        ? h('a', { href: `#/write/${only}`, class: 'id' }, only)
        : target,
      detail?.['filter'] !== undefined && h('span', { class: 'why' }, JSON.stringify(detail['filter'])),
    ),
    h('td', { class: 'number' }, writes === 0 ? '' : count(writes)),
    h('td', {}, actor),
    h('td', {}, databaseRole),
  );
}
