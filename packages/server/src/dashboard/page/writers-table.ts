/** Writers: which live, and how many lanes each leads. */
import { confirm, tell } from './confirm.ts';
import { h, keyedRows, scrolling, setText } from './dom.ts';
import { age, count, time } from './format.ts';
import type { LiveView } from './live.ts';
import type { PageContext } from './page.ts';
import { change } from './server.ts';

type Writer = LiveView['writers'][number];

const tones: Record<Writer['state'], string> = {
  leading: 'good',
  'standing by': 'good',
  draining: 'warn',
  stopped: 'quiet',
  gone: 'bad',
};
/** Most ended writers that are shown, besides living ones. */
const endedShown = 10;

export function writersTable(page: PageContext): { element: HTMLElement; update: (view: LiveView) => void } {
  const body = h('tbody');
  const nobody = h('p', { class: 'muted' }, 'No writer has started on this database yet.');
  const mayAct = !page.session.isReadOnly;
  let now = 0;
  const fill = keyedRows<Writer>(body, {
    key: ({ writerId }) => writerId,
    create(writer) {
      const state = h('span', { class: 'badge' });
      const lanes = h('td', { class: 'number' });
      const seen = h('td', { class: 'number' });
      const button = h(
        'button',
        { type: 'button', class: 'plain', onclick: () => void drain(page, writer) },
        'Drain',
      );
      button.setAttribute('aria-label', `Drain writer ${writer.host}/${writer.processId}`);
      return {
        row: h(
          'tr',
          {},
          h('th', { scope: 'row', title: writer.writerId }, `${writer.host}/${writer.processId}`),
          h('td', {}, state),
          lanes,
          h('td', {}, writer.version),
          h('td', {}, time(writer.startedAt)),
          seen,
          mayAct && h('td', { class: 'act' }, button),
        ),
        update(writer) {
          setText(state, writer.state);
          state.className = `badge ${tones[writer.state]}`;
          setText(lanes, count(writer.lanes));
          setText(seen, `${age((now - Date.parse(writer.stoppedAt ?? writer.seenAt)) / 1_000)} ago`);
          button.hidden = writer.state !== 'leading' && writer.state !== 'standing by';
        },
      };
    },
  });
  return {
    element: h(
      'section',
      { 'aria-labelledby': 'writers' },
      h('div', { class: 'head' }, h('h2', { id: 'writers' }, 'Writers')),
      nobody,
      scrolling(
        'Writers, a table',
        h(
          'table',
          {},
          h('caption', { class: 'unseen' }, 'Writers'),
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              h('th', { scope: 'col' }, 'Writer'),
              h('th', { scope: 'col' }, 'State'),
              h('th', { scope: 'col', class: 'number' }, 'Lanes'),
              h('th', { scope: 'col' }, 'Version'),
              h('th', { scope: 'col' }, 'Started'),
              h('th', { scope: 'col', class: 'number' }, 'Last seen'),
              mayAct && h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'Action')),
            ),
          ),
          body,
        ),
      ),
    ),
    update(view) {
      now = Date.parse(view.read.at);
      nobody.hidden = view.writers.length > 0;
      const isEnded = ({ state }: Writer): boolean => state === 'gone' || state === 'stopped';
      const ended = view.writers.filter(isEnded).slice(0, endedShown);
      fill([...view.writers.filter((writer) => !isEnded(writer)), ...ended]);
    },
  };
}

async function drain(page: PageContext, { writerId, host, processId }: Writer): Promise<void> {
  const isSure = await confirm({
    title: `Drain writer ${host}/${processId}?`,
    contents: ['It hands its lanes to the other writers, leads no more, and stops.'],
    action: 'Drain',
    isDangerous: true,
  });
  if (!isSure) return;
  try {
    await change('drain', { writer: writerId });
    page.announce(`Writer ${host}/${processId} was asked to drain.`);
  } catch (error) {
    await tell('Cannot drain', (error as Error).message);
  }
}
