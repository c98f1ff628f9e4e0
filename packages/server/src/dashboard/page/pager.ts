/** Buttons to the page before and the page after. */
import { h, setText } from './dom.ts';

export interface Turns {
  text: string;
  hasPrevious: boolean;
  hasNext: boolean;
}

export interface Pager {
  element: HTMLElement;
  update(turns: Turns): void;
}

export function pager(label: string, turn: (by: -1 | 1) => void): Pager {
  const previous = h('button', { type: 'button', onclick: () => turn(-1) }, 'Previous');
  const next = h('button', { type: 'button', onclick: () => turn(1) }, 'Next');
  const text = h('span', {});
  const element = h('nav', { class: 'pager', 'aria-label': label }, previous, text, next);
  return {
    element,
    update({ text: words, hasPrevious, hasNext }) {
      setText(text, words);
      previous.disabled = !hasPrevious;
      next.disabled = !hasNext;
      element.hidden = !hasPrevious && !hasNext && words === '';
    },
  };
}
