/** One write: why it waits, the chain of what it waits for, its outcome and, on request, its document or row. */
import { discard, retry } from './bulk.ts';
import { chainGraph } from './chain-graph.ts';
import { tell } from './confirm.ts';
import { h, replace, setText, type Child } from './dom.ts';
import { age, count, none, time } from './format.ts';
import { indentJson } from './indent-json.ts';
import type { WriteView } from './messages.ts';
import type { PageContext, View } from './page.ts';
import { read } from './server.ts';
import { reasonTones } from './writes-table.ts';

const refreshMs = 2_000;

export function write(page: PageContext, writeId: string): View {
  const contents = h('div', {}, h('p', { class: 'muted' }, 'Looking …'));
  const failure = h('p', { class: 'failure', role: 'alert', hidden: true });
  let isBusy = false;
  let lastRead = 0;
  let shown = '';
  async function show(): Promise<void> {
    if (isBusy) return;
    isBusy = true;
    lastRead = performance.now();
    try {
      const view = await read<WriteView>(`writes/${encodeURIComponent(writeId)}`);
      failure.hidden = true;
      // Ages always change; the rest is drawn again only when it has changed.
      const drawn = JSON.stringify({ ...view, stuck: view.stuck && { ...view.stuck, ageSeconds: 0 } });
      if (drawn === shown || contents.querySelector('pre') !== null) return;
      shown = drawn;
      replace(contents, ...partsOf(page, view, () => void show()));
    } catch (error) {
      setText(failure, (error as Error).message);
      failure.hidden = false;
    } finally {
      isBusy = false;
    }
  }
  void show();
  return {
    title: `Write ${writeId}`,
    element: h('div', {}, h('h1', {}, 'Write ', h('span', { class: 'id' }, writeId)), failure, contents),
    update() {
      if (page.live.status === 'live' && performance.now() - lastRead > refreshMs) void show();
    },
  };
}

function partsOf(page: PageContext, view: WriteView, again: () => void): Child[] {
  const { stuck, outcome, lane, explanation, laneExplanation, chain } = view;
  return [
    stuck !== null &&
      h(
        'p',
        { class: 'lead' },
        h('span', { class: `badge ${reasonTones[stuck.reason]}` }, stuck.reason.replaceAll('_', ' ')),
        ` It ${explanation}.`,
      ),
    stuck === null &&
      outcome !== null &&
      h(
        'p',
        { class: 'lead' },
        h('span', { class: 'badge quiet' }, 'settled'),
        ` It is ${outcome.result.replace('_', ' ')}.`,
      ),
    actionsOf(page, view, again),
    stuck !== null &&
      facts([
        ['Resource', stuck.resource],
        ['Operation', stuck.operation],
        ['Client', stuck.client === '' ? 'nobody named' : stuck.client],
        ['Document', view.row === null ? stuck.documentId : null],
        ['Key', keyOf(view)],
        ['Accepted', `${time(stuck.acceptedAt)}, ${age(stuck.ageSeconds)} ago`],
        [stuck.reason === 'dead_letter' ? 'Dead letter since' : 'Since', time(stuck.since)],
        [
          'Waits for references until',
          stuck.referenceDeadline === null ? null : time(stuck.referenceDeadline),
        ],
        ['Attempts', stuck.attempts === null ? null : count(stuck.attempts)],
        ['Error', stuck.error === null ? null : (stuck.error.code ?? 'of the program')],
        ['Constraint', stuck.error?.constraint ?? null],
        ['Table', stuck.error?.table ?? null],
        ['Next attempt', stuck.nextAt === null ? null : time(stuck.nextAt)],
      ]),
    outcome !== null &&
      h(
        'section',
        {},
        h('h2', {}, 'Outcome'),
        facts([
          ['Result', outcome.result.replace('_', ' ')],
          ['Code', outcome.code],
          ['Resource', outcome.resource],
          ['Client', outcome.client === '' ? 'nobody named' : outcome.client],
          ['Document', outcome.documentId],
          ['Key', stuck === null ? keyOf(view) : null],
          ['Version', outcome.version === null ? null : count(outcome.version)],
          ['Settled', time(outcome.settledAt)],
        ]),
      ),
    chain.length > 0 &&
      h(
        'section',
        {},
        h('h2', {}, 'What it waits for'),
        chainGraph(view),
        h(
          'details',
          {},
          h('summary', {}, 'The chain in words'),
          h(
            'ol',
            { class: 'chain' },
            ...chain.map(({ blockedId, explanation, since }) =>
              h(
                'li',
                {},
                h('a', { href: `#/write/${blockedId}`, class: 'id' }, blockedId),
                ` awaits ${explanation}, since ${time(since)}`,
              ),
            ),
          ),
        ),
      ),
    lane !== null &&
      h(
        'section',
        {},
        h('h2', {}, `Lane ${lane.lane}`),
        h(
          'p',
          {},
          `It ${withLocalTimes(laneExplanation ?? '')}. `,
          h('a', { href: `#/stuck?lane=${lane.lane}` }, 'What waits in it'),
        ),
      ),
    stuck !== null && bodyOf(page, view),
  ];
}

/** The key of the row, or of the first row. */
function keyOf({ row }: WriteView): string | null {
  if (row?.key === undefined || row.key === null) return null;
  const key = Object.entries(row.key).map(([name, value]) => `${name}=${String(value)}`);
  return key.join(', ') + (row.rows !== null && row.rows > 1 ? `, the first of ${count(row.rows)} rows` : '');
}

/** Times of the server are in the form for programs. */
function withLocalTimes(text: string): string {
  return text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, time);
}

function facts(rows: readonly [string, string | null][]): HTMLElement {
  return h(
    'dl',
    { class: 'facts' },
    ...rows
      .filter(([, value]) => value !== null)
      .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value ?? none))),
  );
}

function actionsOf(page: PageContext, { writeId, stuck }: WriteView, again: () => void): Child {
  if (page.session.isReadOnly || stuck === null) return null;
  const act = (action: typeof retry) => async () => {
    if (await action(page, { writeIds: [writeId] })) again();
  };
  const button = (name: string, action: typeof retry) =>
    h('button', { type: 'button', onclick: () => void act(action)() }, name);
  return h(
    'div',
    { class: 'buttons' },
    stuck.reason === 'dead_letter' && button('Retry …', retry),
    button('Discard …', discard),
  );
}

/** Hidden until requested, and each request is recorded. */
function bodyOf(page: PageContext, { writeId, row }: WriteView): HTMLElement {
  const noun = row === null ? 'document' : 'row';
  const section = h('section', {}, h('h2', {}, row === null ? 'Document' : 'Row'));
  if (!page.session.maySeeBodies) {
    section.append(h('p', { class: 'muted' }, `The scope bodies is needed to show ${noun}s.`));
    return section;
  }
  const place = h('div');
  const button = h('button', { type: 'button', 'aria-expanded': 'false' }, `Show the ${noun}`);
  button.addEventListener('click', () => {
    if (place.hasChildNodes()) {
      place.replaceChildren();
      setText(button, `Show the ${noun}`);
      button.setAttribute('aria-expanded', 'false');
      return;
    }
    read<{ body: string | null }>(`writes/${encodeURIComponent(writeId)}/body`).then(
      ({ body }) => {
        place.append(
          body === null
            ? h('p', {}, 'It deletes a document, so it has no document to show.')
            : h('pre', { tabindex: 0, 'aria-label': `The ${noun}` }, indentJson(body)),
        );
        setText(button, `Hide the ${noun}`);
        button.setAttribute('aria-expanded', 'true');
      },
      (error: unknown) => tell(`Cannot show the ${noun}`, (error as Error).message),
    );
  });
  section.append(
    h('p', {}, button, h('span', { class: 'note' }, ' The audit log records that you read it.')),
    place,
  );
  return section;
}
