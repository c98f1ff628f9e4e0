/** Asks before a change, by a dialog of the browser, which keeps the focus and closes by Escape. */
import { h, type Child } from './dom.ts';

export interface Question {
  title: string;
  contents: Child[];
  /** The text of the button: the verb. */
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

/** Shows the result, or why nothing was done. */
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
