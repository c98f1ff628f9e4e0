/**
 * A line chart as inline SVG. Both axes are logarithmic, because clients and figures span orders of magnitude; a course
 * over time has linear axes from zero, and no dots.
 *
 * It does not use uPlot, which needs a browser and a script of 51 kB in each report. This is text inside a report,
 * with bars from the least to the greatest round.
 */

export interface Series {
  name: string;
  points: { x: number; y: number; min?: number; max?: number }[];
}

export interface ChartOptions {
  title: string;
  xLabel: string;
  yLabel: string;
  series: readonly Series[];
  /** @default false */
  isOverTime?: boolean;
}

const width = 640;
const height = 360;
const margin = { left: 64, right: 150, top: 34, bottom: 44 };
/** Distinct for people with color blindness (Okabe and Ito). */
const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#8c6d31'];

export function chart({ title, xLabel, yLabel, series, isOverTime = false }: ChartOptions): string {
  const points = series.flatMap((each) => each.points).filter(isOverTime ? () => true : isPositive);
  if (points.length === 0) return '';
  const scaleOf = isOverTime ? linearScale : logarithmicScale;
  const x = scaleOf(
    points.map((point) => point.x),
    margin.left,
    width - margin.right,
  );
  const y = scaleOf(
    points
      .flatMap((point) => [point.min ?? point.y, point.max ?? point.y])
      .filter((value) => isOverTime || value > 0),
    height - margin.bottom,
    margin.top,
  );
  const xTicks = isOverTime
    ? x.ticks
    : [...new Set(points.map((point) => point.x))].sort((one, other) => one - other);
  const parts = [
    `<text x="${margin.left}" y="20" class="title">${escape(title)}</text>`,
    `<text x="${(margin.left + width - margin.right) / 2}" y="${height - 8}" text-anchor="middle">${escape(xLabel)}</text>`,
    `<text transform="translate(14 ${height / 2}) rotate(-90)" text-anchor="middle">${escape(yLabel)}</text>`,
    ...y.ticks.map((value) => {
      const at = round(y.at(value));
      return `<line x1="${margin.left}" x2="${width - margin.right}" y1="${at}" y2="${at}" class="grid"/><text x="${margin.left - 6}" y="${at + 4}" text-anchor="end">${format(value)}</text>`;
    }),
    ...xTicks.map(
      (value) =>
        `<text x="${round(x.at(value))}" y="${height - margin.bottom + 16}" text-anchor="middle">${format(value)}</text>`,
    ),
    ...series.flatMap((each, index) => seriesParts(each, index, x.at, y.at, isOverTime)),
  ];
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">${parts.join('')}</svg>`;
}

function seriesParts(
  { name, points }: Series,
  index: number,
  x: (value: number) => number,
  y: (value: number) => number,
  isOverTime: boolean,
): string[] {
  const color = colors[index % colors.length];
  const drawn = isOverTime ? points : points.filter(isPositive);
  const path = drawn.map((point) => `${round(x(point.x))},${round(y(point.y))}`).join(' ');
  const legendY = margin.top + 8 + index * 18;
  return [
    `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`,
    ...(isOverTime ? [] : drawn).flatMap((point) => {
      const at = round(x(point.x));
      const { min = point.y, max = point.y } = point;
      const bar = min > 0 && max > min;
      return [
        `<circle cx="${at}" cy="${round(y(point.y))}" r="3" fill="${color}"><title>${escape(name)}, ${format(point.x)}: ${format(point.y)}</title></circle>`,
        ...(bar
          ? [`<line x1="${at}" x2="${at}" y1="${round(y(min))}" y2="${round(y(max))}" stroke="${color}"/>`]
          : []),
      ];
    }),
    `<rect x="${width - margin.right + 12}" y="${legendY - 8}" width="10" height="10" fill="${color}"/><text x="${width - margin.right + 27}" y="${legendY + 1}">${escape(name)}</text>`,
  ];
}

const isPositive = ({ x, y }: { x: number; y: number }): boolean => x > 0 && y > 0;

interface Scale {
  at: (value: number) => number;
  ticks: number[];
}

function logarithmicScale(values: readonly number[], start: number, end: number): Scale {
  const from = Math.min(...values);
  const to = Math.max(...values);
  const span = Math.log(to / from) || 1;
  return {
    at: (value) => start + ((end - start) * Math.log(value / from)) / span,
    ticks: stepsOf(from, to).filter((value) => value >= from * 0.999 && value <= to * 1.001),
  };
}

/** From zero. */
function linearScale(values: readonly number[], start: number, end: number): Scale {
  const to = Math.max(...values) || 1;
  const step = stepsOf(to / 10, to).find((value) => value >= to / 6) ?? to;
  return {
    at: (value) => start + ((end - start) * value) / to,
    ticks: Array.from({ length: Math.floor(to / step) + 1 }, (_, index) => index * step),
  };
}

/** 1, 2 and 5 times the powers of ten around these values. */
function stepsOf(from: number, to: number): number[] {
  const steps: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++)
    for (const step of [1, 2, 5]) steps.push(step * 10 ** power);
  return steps;
}

function format(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
