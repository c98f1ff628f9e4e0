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
  const { stuck, outcome, lane, chain } = view;
  return [
    stuck !== null && lead(reasonTones[stuck.reason], stuck.reason.replaceAll('_', ' '), view.explanation),
    stuck === null && outcome !== null && lead('quiet', 'settled', `is ${outcome.result.replace('_', ' ')}`),
    actionsOf(page, view, again),
    stuck !== null && stuckFacts(view, stuck),
    outcome !== null && section('Outcome', outcomeFacts(view, outcome)),
    chain.length > 0 && section('What it waits for', chainGraph(view), chainInWords(view)),
    lane !== null &&
      section(
        `Lane ${lane.lane}`,
        h(
          'p',
          {},
          `It ${withLocalTimes(view.laneExplanation ?? '')}. `,
          h('a', { href: `#/stuck?lane=${lane.lane}` }, 'What waits in it'),
        ),
      ),
    stuck !== null && bodyOf(page, view),
  ];
}

function lead(tone: string, badge: string, explanation: string | null): HTMLElement {
  return h('p', { class: 'lead' }, h('span', { class: `badge ${tone}` }, badge), ` It ${explanation}.`);
}

function section(title: string, ...children: Child[]): HTMLElement {
  return h('section', {}, h('h2', {}, title), ...children);
}

const timeOrNull = (at: string | null): string | null => (at === null ? null : time(at));
const countOrNull = (number: number | null): string | null => (number === null ? null : count(number));
const nameOf = (client: string): string => (client === '' ? 'nobody named' : client);

function stuckFacts(view: WriteView, stuck: NonNullable<WriteView['stuck']>): HTMLElement {
  return facts([
    ['Resource', stuck.resource],
    ['Operation', stuck.operation],
    ['Client', nameOf(stuck.client)],
    ['Document', view.row === null ? stuck.documentId : null],
    ['Key', keyOf(view)],
    ['Accepted', `${time(stuck.acceptedAt)}, ${age(stuck.ageSeconds)} ago`],
    [stuck.reason === 'dead_letter' ? 'Dead letter since' : 'Since', time(stuck.since)],
    ['Waits for references until', timeOrNull(stuck.referenceDeadline)],
    ['Attempts', countOrNull(stuck.attempts)],
    ['Error', stuck.error === null ? null : (stuck.error.code ?? 'of the program')],
    ['Constraint', stuck.error?.constraint ?? null],
    ['Table', stuck.error?.table ?? null],
    ['Next attempt', timeOrNull(stuck.nextAt)],
  ]);
}

function outcomeFacts(view: WriteView, outcome: NonNullable<WriteView['outcome']>): HTMLElement {
  return facts([
    ['Result', outcome.result.replace('_', ' ')],
    ['Code', outcome.code],
    ['Resource', outcome.resource],
    ['Client', nameOf(outcome.client)],
    ['Document', outcome.documentId],
    ['Key', view.stuck === null ? keyOf(view) : null],
    ['Version', countOrNull(outcome.version)],
    ['Settled', time(outcome.settledAt)],
  ]);
}

function chainInWords({ chain }: WriteView): HTMLElement {
  const items = chain.map(({ blockedId, explanation, since }) =>
    h(
      'li',
      {},
      h('a', { href: `#/write/${blockedId}`, class: 'id' }, blockedId),
      ` awaits ${explanation}, since ${time(since)}`,
    ),
  );
  return h('details', {}, h('summary', {}, 'The chain in words'), h('ol', { class: 'chain' }, ...items));
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
  const part = section(row === null ? 'Document' : 'Row');
  if (!page.session.maySeeBodies) {
    part.append(h('p', { class: 'muted' }, `The scope bodies is needed to show ${noun}s.`));
    return part;
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
  part.append(
    h('p', {}, button, h('span', { class: 'note' }, ' The audit log records that you read it.')),
    place,
  );
  return part;
}
