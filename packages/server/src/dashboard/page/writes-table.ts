/** A page of writes, each with the reason why it waits, and the selected ones. */
import { h, keyedRows, scrolling, setText } from './dom.ts';
import { age } from './format.ts';
import type { ListedWrite } from './messages.ts';

export interface WritesTable {
  element: HTMLElement;
  update(writes: readonly ListedWrite[]): void;
  selected(): string[];
  clear(): void;
}

export const reasonTones: Record<ListedWrite['reason'], string> = {
  ready: 'quiet',
  lane_without_leader: 'bad',
  lane_paused: 'warn',
  retrying: 'warn',
  blocked: 'warn',
  locked: 'warn',
  dead_letter: 'bad',
};

export function writesTable({ mayAct, onSelect }: { mayAct: boolean; onSelect: () => void }): WritesTable {
  const chosen = new Set<string>();
  let shown: readonly ListedWrite[] = [];
  const body = h('tbody');
  const all = h('input', { type: 'checkbox', 'aria-label': 'Select all on this page' });
  all.addEventListener('change', () => {
    chosen.clear();
    if (all.checked) for (const { writeId } of shown) chosen.add(writeId);
    fill(shown);
    onSelect();
  });
  const fill = keyedRows<ListedWrite>(body, {
    key: ({ writeId }) => writeId,
    create({ writeId, resource, client, operation, lane }) {
      const box = h('input', { type: 'checkbox', 'aria-label': `Select write ${writeId}` });
      box.addEventListener('change', () => {
        if (box.checked) chosen.add(writeId);
        else chosen.delete(writeId);
        all.checked = chosen.size === shown.length;
        onSelect();
      });
      const reason = h('span', { class: 'badge' });
      const why = h('span', { class: 'why' });
      const waits = h('td', { class: 'number' });
      return {
        row: h(
          'tr',
          {},
          mayAct && h('td', { class: 'pick' }, box),
          h('th', { scope: 'row' }, h('a', { href: `#/write/${writeId}`, class: 'id' }, writeId)),
          h('td', { class: 'reason' }, reason, why),
          h('td', {}, operation === 'upsert' ? resource : `${operation} ${resource}`),
          h('td', {}, client === '' ? h('span', { class: 'muted' }, 'nobody named') : client),
          h('td', { class: 'number' }, h('a', { href: `#/stuck?lane=${lane}` }, String(lane))),
          waits,
        ),
        update(write) {
          box.checked = chosen.has(writeId);
          setText(reason, write.reason.replaceAll('_', ' '));
          reason.className = `badge ${reasonTones[write.reason]}`;
          setText(why, `It ${write.explanation}.`);
          setText(waits, age(write.ageSeconds));
        },
      };
    },
  });
  return {
    element: scrolling(
      'Writes, a table',
      h(
        'table',
        { class: 'writes' },
        h('caption', { class: 'unseen' }, 'Waiting writes and dead letters'),
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            mayAct && h('td', { class: 'pick' }, all),
            h('th', { scope: 'col' }, 'Write'),
            h('th', { scope: 'col' }, 'Why'),
            h('th', { scope: 'col' }, 'Resource'),
            h('th', { scope: 'col' }, 'Client'),
            h('th', { scope: 'col', class: 'number' }, 'Lane'),
            h('th', { scope: 'col', class: 'number' }, 'Age'),
          ),
        ),
        body,
      ),
    ),
    update(writes) {
      shown = writes;
      const here = new Set(writes.map(({ writeId }) => writeId));
      for (const id of chosen) if (!here.has(id)) chosen.delete(id);
      all.checked = chosen.size > 0 && chosen.size === writes.length;
      fill(writes);
    },
    selected: () => [...chosen],
    clear() {
      chosen.clear();
      all.checked = false;
      fill(shown);
      onSelect();
    },
  };
}
