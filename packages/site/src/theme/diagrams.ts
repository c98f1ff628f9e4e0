/**
 * Draws the Mermaid diagrams of a page, in the browser: drawing them in the build would need a browser there. The script
 * is part of the site. It is loaded with the first diagram. Until then, and without scripts, the page shows the text.
 */

import script from '@mermaid-js/tiny/dist/mermaid.tiny.js?url';

interface Mermaid {
  initialize(settings: object): void;
  render(id: string, text: string): Promise<{ svg: string }>;
}

/** A smaller scale makes texts illegible: the reader scrolls instead. */
const scaleMin = 0.75;
const shown = new Map<HTMLElement, string>();
let loading: Promise<Mermaid> | null = null;
let drawing = Promise.resolve();
let drawn = 0;

export function addDiagram(element: HTMLElement): void {
  shown.set(element, element.textContent);
  draw();
}

export function removeDiagram(element: HTMLElement): void {
  shown.delete(element);
}

/** Draws all diagrams again when a reader changes between light and dark. */
export function followTheme(): void {
  let wasDark = isDark();
  new MutationObserver(() => {
    if (isDark() === wasDark) return;
    wasDark = !wasDark;
    draw();
  }).observe(document.documentElement, { attributeFilter: ['class'] });
}

const isDark = (): boolean => document.documentElement.classList.contains('dark');

/** One after another, because Mermaid has one configuration for all. */
function draw(): void {
  drawing = drawing.then(drawAll).catch((error: unknown) => console.error('Cannot draw a diagram', error));
}

async function drawAll(): Promise<void> {
  if (shown.size === 0) return;
  loading ??= load();
  const mermaid = await loading;
  // Mermaid measures the texts.
  await document.fonts.ready;
  mermaid.initialize({
    startOnLoad: false,
    theme: isDark() ? 'dark' : 'neutral',
    fontFamily: getComputedStyle(document.body).fontFamily,
    sequence: { actorMargin: 24, width: 110, wrap: true, mirrorActors: false },
  });
  for (const [element, text] of shown) {
    if (await drawOne(mermaid, element, text)) continue;
    // A chart that is too wide from left to right may fit downwards.
    await drawOne(mermaid, element, text.replace(/^(\s*flowchart) LR/, '$1 TB'));
  }
}

/** @returns Whether it fits without a smaller scale. */
async function drawOne(mermaid: Mermaid, element: HTMLElement, text: string): Promise<boolean> {
  const { svg } = await mermaid.render(`diagram-${++drawn}`, text);
  element.innerHTML = svg;
  const picture = element.querySelector('svg')!;
  const { width } = picture.viewBox.baseVal;
  picture.style.minWidth = `${width * scaleMin}px`;
  return width <= element.clientWidth;
}

function load(): Promise<Mermaid> {
  return new Promise((resolve, reject) => {
    const element = document.createElement('script');
    element.src = script;
    element.addEventListener('load', () => resolve((globalThis as unknown as { mermaid: Mermaid }).mermaid));
    element.addEventListener('error', () => reject(new Error(`Cannot load ${script}`)));
    document.head.append(element);
  });
}
