/**
 * Small drawings of numbers over time, in SVG: sparklines, and plots with axes. A table below has the same numbers.
 *
 * It does not use uPlot, whose script (51 kB) is nine times this file. uPlot draws on a canvas, without text to
 * select or to read aloud, and without colors of the style sheet. The table and the sparklines would still be needed.
 */
import { h, scrolling, svg } from './dom.ts';
import { minute as minuteText } from './format.ts';

export interface Series {
  name: string;
  /** Color of the style sheet: `a`, `b`, `bad`. */
  tone: string;
  values: readonly (number | null)[];
  isFilled?: boolean;
}

export interface PlotOptions {
  title: string;
  /** Start of each minute. */
  minutes: readonly string[];
  series: readonly Series[];
  format: (value: number) => string;
}

/** Letters are as large in a narrow window as in a wide one. */
const widths = { narrow: 320, wide: 600 };
const height = 150;
const margin = { left: 46, right: 8, top: 8, bottom: 20 };

export function plot({ title, minutes, series, format }: PlotOptions): HTMLElement {
  const width = matchMedia('(max-width: 640px)').matches ? widths.narrow : widths.wide;
  const most = niceCeiling(Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0))));
  const x = (index: number): number =>
    margin.left + (index / Math.max(1, minutes.length - 1)) * (width - margin.left - margin.right);
  const y = (value: number): number =>
    height - margin.bottom - (value / most) * (height - margin.top - margin.bottom);
  const lines = [0, 0.5, 1].map((part) => {
    const at = y(part * most);
    return svg(
      'g',
      {},
      svg('line', { class: 'grid', x1: margin.left, x2: width - margin.right, y1: at, y2: at }),
      svg(
        'text',
        { class: 'axis', x: margin.left - 6, y: at + 4, 'text-anchor': 'end' },
        format(part * most),
      ),
    );
  });
  const ticks = minutes.flatMap((name, index) =>
    index % 15 === 0 || index === minutes.length - 1
      ? [
          svg(
            'text',
            {
              class: 'axis',
              x: x(index),
              y: height - 4,
              'text-anchor': index === minutes.length - 1 ? 'end' : 'middle',
            },
            minuteText(name),
          ),
        ]
      : [],
  );
  const shapes = series.flatMap(({ tone, values, isFilled }) => [
    ...(isFilled === true ? [svg('path', { class: `area ${tone}`, d: area(values, x, y) })] : []),
    svg('path', { class: `line ${tone}`, d: path(values, x, y) }),
  ]);
  const legend = series.map(({ name, tone }) =>
    h('span', { class: `legend ${tone}` }, h('i', { 'aria-hidden': true }), name),
  );
  return h(
    'figure',
    { class: 'plot' },
    h('figcaption', {}, h('strong', {}, title), ...legend),
    svg(
      'svg',
      { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title },
      ...lines,
      ...ticks,
      ...shapes,
    ),
    table({ title, minutes, series, format }),
  );
}

function table({ title, minutes, series, format }: PlotOptions): HTMLElement {
  return h(
    'details',
    {},
    h('summary', {}, 'Numbers'),
    scrolling(
      `${title}, as numbers`,
      h(
        'table',
        {},
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            h('th', { scope: 'col' }, 'Minute'),
            ...series.map(({ name }) => h('th', { scope: 'col', class: 'number' }, name)),
          ),
        ),
        h(
          'tbody',
          {},
          ...minutes
            .map((name, index) =>
              h(
                'tr',
                {},
                h('th', { scope: 'row' }, minuteText(name)),
                ...series.map(({ values }) => {
                  const value = values[index];
                  return h(
                    'td',
                    { class: 'number' },
                    value === null || value === undefined ? '–' : format(value),
                  );
                }),
              ),
            )
            .toReversed(),
        ),
      ),
    ),
  );
}

/** A line without axes, for a cell. */
export function sparkline(values: readonly number[]): SVGSVGElement {
  const most = Math.max(1, ...values);
  const x = (index: number): number => (index / Math.max(1, values.length - 1)) * 98 + 1;
  const y = (value: number): number => 21 - (value / most) * 19;
  return svg(
    'svg',
    { class: 'spark', viewBox: '0 0 100 22', preserveAspectRatio: 'none', 'aria-hidden': true },
    svg('path', { class: 'line a', d: path(values, x, y), 'vector-effect': 'non-scaling-stroke' }),
  );
}

type Scale = (value: number) => number;

/** Gaps stay gaps. */
function path(values: readonly (number | null)[], x: Scale, y: Scale): string {
  let isDown = false;
  return values
    .map((value, index) => {
      if (value === null) {
        isDown = false;
        return '';
      }
      const step = `${isDown ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
      // A single point is a short line.
      const isAlone = !isDown && (values[index + 1] ?? null) === null;
      isDown = true;
      return isAlone ? `${step}h1` : step;
    })
    .join('');
}

function area(values: readonly (number | null)[], x: Scale, y: Scale): string {
  const points = values.map((value, index) => `L${x(index).toFixed(1)} ${y(value ?? 0).toFixed(1)}`).join('');
  return `M${x(0).toFixed(1)} ${y(0).toFixed(1)}${points}L${x(values.length - 1).toFixed(1)} ${y(0).toFixed(1)}Z`;
}

/** The next of 1, 2, 5, 10, … */
function niceCeiling(value: number): number {
  if (value <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((each) => value <= each * power) ?? 10;
  return step * power;
}
