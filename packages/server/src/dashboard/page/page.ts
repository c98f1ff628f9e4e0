/** What every part of the page is given, and what it is. */
import type { Live } from './live.ts';
import type { Session } from './messages.ts';

export interface PageContext {
  session: Session;
  live: Live;
  /** Tells a screen reader, sparingly. */
  announce: (sentence: string) => void;
}

export interface View {
  title: string;
  element: HTMLElement;
  /** Something live has changed. */
  update?(): void;
  /** The page goes elsewhere. */
  close?(): void;
}
