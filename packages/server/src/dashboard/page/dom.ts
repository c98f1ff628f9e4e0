/** Creates elements by plain calls. Data of the database is always text, never markup. */

export type Child = Node | string | number | null | undefined | false;
type Properties = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>;

/** `h('button', { class: 'plain', onclick: act }, 'Retry')`; names that start with `on` are listeners. */
export function h<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(name), properties, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  properties: Properties = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), properties, children);
}

function fill<E extends Element>(element: E, properties: Properties, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  add(element, ...children);
  return element;
}

export function add(parent: Element, ...children: Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : String(child));
  }
}

export function replace(parent: Element, ...children: Child[]): void {
  parent.replaceChildren();
  add(parent, ...children);
}

/** Changes only what differs, so that selections and screen readers are not disturbed. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element: Element, name: string, value: string | null): void {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export interface RowKind<T> {
  key(item: T): string;
  /** Creates a row without contents, and returns the function that fills it. */
  create(item: T): { row: HTMLTableRowElement; update: (item: T) => void };
}

/** Keeps each row of a table as long as its item exists, so that it keeps the focus. */
export function keyedRows<T>(body: HTMLTableSectionElement, kind: RowKind<T>): (items: readonly T[]) => void {
  let rows = new Map<string, { row: HTMLTableRowElement; update: (item: T) => void }>();
  return (items) => {
    const next: typeof rows = new Map();
    items.forEach((item, index) => {
      const key = kind.key(item);
      const entry = rows.get(key) ?? kind.create(item);
      rows.delete(key);
      next.set(key, entry);
      entry.update(item);
      if (body.rows[index] !== entry.row) body.insertBefore(entry.row, body.rows[index] ?? null);
    });
    for (const { row } of rows.values()) row.remove();
    rows = next;
  };
}

/** A region that scrolls sideways by itself, also with the keyboard. */
export function scrolling(label: string, ...children: Child[]): HTMLElement {
  return h('div', { class: 'scrolling', role: 'region', 'aria-label': label, tabindex: 0 }, ...children);
}

/** What stands above a column. */
export function columnHead(name: Child, className?: string): HTMLTableCellElement {
  return h('th', { scope: 'col', class: className }, name);
}

/** Above a column of buttons: only screen readers read it. */
export function actionHead(): HTMLTableCellElement {
  return columnHead(h('span', { class: 'unseen' }, 'Action'));
}

export interface TableParts {
  name: string;
  /** @default the name */
  caption?: string;
  class?: string;
  heads: readonly Child[];
  body: HTMLTableSectionElement;
}

export function table({ name, caption = name, heads, body, ...more }: TableParts): HTMLElement {
  return scrolling(
    `${name}, a table`,
    h(
      'table',
      { class: more.class },
      h('caption', { class: 'unseen' }, caption),
      h('thead', {}, h('tr', {}, ...heads)),
      body,
    ),
  );
}
