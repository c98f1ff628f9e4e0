/** The interface of the parts of the page. */
import type { Live } from './live.ts';
import type { Session } from './messages.ts';

export interface PageContext {
  session: Session;
  live: Live;
  /** Announces a sentence to a screen reader, rarely. */
  announce: (sentence: string) => void;
}

export interface View {
  title: string;
  element: HTMLElement;
  /** Live data has changed. */
  update?(): void;
  /** The page shows another part. */
  close?(): void;
}
