/** The start of the page: the login, the part that the URL names, and the live feed. */
import { actions } from './actions.ts';
import { h, replace, setText } from './dom.ts';
import { Live } from './live.ts';
import { findSession, login } from './login.ts';
import type { Session } from './messages.ts';
import { overview } from './overview.ts';
import type { PageContext, View } from './page.ts';
import { setKey } from './server.ts';
import { stuck } from './stuck.ts';
import { write } from './write.ts';

const main = document.querySelector<HTMLElement>('#main')!;
const top_ = document.querySelector<HTMLElement>('#top')!;
const news = document.querySelector<HTMLElement>('#news')!;

const places = [
  { name: 'Overview', href: '#/' },
  { name: 'Stuck writes', href: '#/stuck' },
  { name: 'Dead letters', href: '#/stuck?reason=dead_letter' },
  { name: 'Actions', href: '#/actions' },
];

function viewOf(page: PageContext): View {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [name = '', id = ''] = path.split('/');
  if (name === 'stuck') return stuck(page, new URLSearchParams(query));
  if (name === 'write') return write(page, decodeURIComponent(id));
  if (name === 'actions') return actions(page);
  return overview(page);
}

function run(session: Session): void {
  const live = new Live();
  const page: PageContext = { session, live, announce: (sentence) => setText(news, sentence) };
  const links = places.map(({ name, href }) => h('a', { href }, name));
  const state = h('span', { class: 'connection' });
  showTop(page, links, state);

  let view = viewOf(page);
  const show = (): void => {
    replace(main, view.element);
    document.title = [view.title, session.store, 'Sluice'].filter((part) => part !== null).join(' · ');
    const at = location.hash === '' ? '#/' : location.hash;
    for (const link of links) {
      const isHere = link.getAttribute('href') === at || (at.startsWith('#/write') && link === links[1]);
      if (isHere) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    view.update?.();
  };
  window.addEventListener('hashchange', () => {
    view.close?.();
    document.querySelector('dialog')?.close();
    view = viewOf(page);
    show();
    main.focus();
    window.scrollTo(0, 0);
  });
  const tell = newsTeller(page);
  live.start(
    () => {
      showState(state, live);
      view.update?.();
      tell();
    },
    ({ message }) => begin(login(message, () => location.reload())),
  );
  show();
}

/** The name, the links to the parts, and who is logged in. */
function showTop({ session, live }: PageContext, links: HTMLElement[], state: HTMLElement): void {
  const pause = h('button', { type: 'button' }, 'Pause updates');
  pause.addEventListener('click', () => {
    live.setPaused(!live.isPaused);
    setText(pause, live.isPaused ? 'Continue updates' : 'Pause updates');
  });
  const leave = h('button', { type: 'button' }, 'Log out');
  leave.addEventListener('click', () => {
    setKey(null);
    location.reload();
  });
  replace(
    top_,
    h(
      'a',
      { class: 'name', href: '#/' },
      h('img', { src: 'assets/icon.svg', alt: '', width: 22, height: 22 }),
      'Sluice',
    ),
    session.store !== null &&
      (session.hasPicker
        ? h('a', { class: 'store', href: '../../dashboard/', title: 'Data stores' }, session.store)
        : h('span', { class: 'store' }, session.store)),
    h('nav', { 'aria-label': 'Parts of this page' }, ...links),
    h(
      'div',
      { class: 'who' },
      state,
      pause,
      session.isReadOnly && h('span', { class: 'badge quiet' }, 'read-only'),
      session.client !== '' && h('span', { class: 'note' }, session.client),
      session.client !== '' && leave,
    ),
  );
}

function showState(state: HTMLElement, { status, message, view }: Live): void {
  const words = {
    connecting: 'connecting …',
    live: 'live',
    paused: 'paused',
    failed: message,
  }[status];
  setText(state, words);
  state.className = `connection ${status}`;
  state.title = view === null ? '' : `as of ${view.read.at}`;
}

/** Announces only news that an operator has to act on. */
function newsTeller({ live, announce }: PageContext): () => void {
  let last: { unled: number; dead: number } | null = null;
  return () => {
    const { view } = live;
    if (view === null) return;
    const now = { unled: view.lanes.filter(({ isLed }) => !isLed).length, dead: view.read.deadLetters };
    if (last !== null && now.unled !== last.unled)
      announce(now.unled === 0 ? 'All lanes have a leader.' : `Lanes without a leader: ${now.unled}.`);
    else if (last !== null && now.dead > last.dead) announce(`Dead letters: ${now.dead}.`);
    last = now;
  };
}

function begin(form: HTMLElement): void {
  replace(
    top_,
    h(
      'span',
      { class: 'name' },
      h('img', { src: 'assets/icon.svg', alt: '', width: 22, height: 22 }),
      'Sluice',
    ),
  );
  replace(main, form);
  form.querySelector('input')?.focus();
}

try {
  const { session, message } = await findSession();
  if (session === null) begin(login(message, () => location.reload()));
  else run(session);
} catch (error) {
  replace(main, h('p', { class: 'failure', role: 'alert' }, (error as Error).message));
}
