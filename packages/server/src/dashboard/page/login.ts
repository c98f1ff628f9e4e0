/** Asks for the key that identifies the visitor. */
import { h, setText } from './dom.ts';
import { hasKey, read, Refusal, setKey } from './server.ts';
import type { Session } from './messages.ts';

export function login(message: string, onSession: (session: Session) => void): HTMLElement {
  const input = h('input', {
    id: 'key',
    type: 'password',
    required: true,
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-describedby': 'key-note',
  });
  const failure = h('p', { class: 'failure', role: 'alert' }, message);
  failure.hidden = message === '';
  const form = h(
    'form',
    { class: 'login' },
    h('h1', {}, 'Log in'),
    h('label', { for: 'key' }, 'API key or token'),
    input,
    h(
      'p',
      { id: 'key-note', class: 'note' },
      'It needs the scope operate, and the scope bodies to show documents and rows. The page keeps it until this tab is closed.',
    ),
    failure,
    h('button', { class: 'primary' }, 'Continue'),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    setKey(input.value.trim());
    read<Session>('session').then(onSession, (error: unknown) => {
      setKey(null);
      setText(failure, (error as Error).message);
      failure.hidden = false;
      input.focus();
    });
  });
  return form;
}

/** Null: not logged in yet. */
export async function findSession(): Promise<{ session: Session | null; message: string }> {
  try {
    return { session: await read<Session>('session'), message: '' };
  } catch (error) {
    const hadKey = hasKey();
    if (!(error instanceof Refusal) || (error.status !== 401 && error.status !== 403)) throw error;
    setKey(null);
    return { session: null, message: hadKey || error.status === 403 ? error.message : '' };
  }
}
