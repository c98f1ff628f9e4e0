/** Asks before something is changed: a dialog of the browser's own, which keeps the focus and closes by Escape. */
import { h, type Child } from './dom.ts';

export interface Question {
  title: string;
  contents: Child[];
  /** What the button that goes on says: the verb. */
  action: string;
  isDangerous?: boolean;
}

export function confirm({ title, contents, action, isDangerous = false }: Question): Promise<boolean> {
  return new Promise((resolve) => {
    const dialog = h(
      'dialog',
      { 'aria-labelledby': 'question' },
      h(
        'form',
        { method: 'dialog' },
        h('h2', { id: 'question' }, title),
        h('div', { class: 'words' }, ...contents),
        h(
          'div',
          { class: 'buttons' },
          h('button', { value: 'no', autofocus: true }, 'Cancel'),
          h('button', { value: 'yes', class: isDangerous ? 'danger' : 'primary' }, action),
        ),
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Says what came of it, or why nothing did. */
export function tell(title: string, ...contents: Child[]): Promise<void> {
  return new Promise((resolve) => {
    const dialog = h(
      'dialog',
      { 'aria-labelledby': 'answer' },
      h(
        'form',
        { method: 'dialog' },
        h('h2', { id: 'answer' }, title),
        h('div', { class: 'words' }, ...contents),
        h('div', { class: 'buttons' }, h('button', { class: 'primary', autofocus: true }, 'Close')),
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
