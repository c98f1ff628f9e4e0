/**
 * A line chart as inline SVG: both axes logarithmic, because clients and figures span orders of magnitude.
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
}

const width = 640;
const height = 360;
const margin = { left: 64, right: 150, top: 34, bottom: 44 };
/** Distinct for people with color blindness (Okabe and Ito). */
const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000', '#8c6d31'];

export function chart({ title, xLabel, yLabel, series }: ChartOptions): string {
  const points = series.flatMap((each) => each.points).filter(({ x, y }) => x > 0 && y > 0);
  if (points.length === 0) return '';
  const x = scaleOf(
    points.map((point) => point.x),
    margin.left,
    width - margin.right,
  );
  const y = scaleOf(
    points.flatMap((point) => [point.min ?? point.y, point.max ?? point.y]).filter((value) => value > 0),
    height - margin.bottom,
    margin.top,
  );
  const xTicks = [...new Set(points.map((point) => point.x))].sort((one, other) => one - other);
  const parts = [
    `<text x="${margin.left}" y="20" class="title">${escape(title)}</text>`,
    `<text x="${(margin.left + width - margin.right) / 2}" y="${height - 8}" text-anchor="middle">${escape(xLabel)}</text>`,
    `<text transform="translate(14 ${height / 2}) rotate(-90)" text-anchor="middle">${escape(yLabel)}</text>`,
    ...ticksOf(y.from, y.to).map((value) => {
      const at = round(y.at(value));
      return `<line x1="${margin.left}" x2="${width - margin.right}" y1="${at}" y2="${at}" class="grid"/><text x="${margin.left - 6}" y="${at + 4}" text-anchor="end">${format(value)}</text>`;
    }),
    ...xTicks.map(
      (value) =>
        `<text x="${round(x.at(value))}" y="${height - margin.bottom + 16}" text-anchor="middle">${format(value)}</text>`,
    ),
    ...series.flatMap((each, index) => seriesParts(each, index, x.at, y.at)),
  ];
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">${parts.join('')}</svg>`;
}

function seriesParts(
  { name, points }: Series,
  index: number,
  x: (value: number) => number,
  y: (value: number) => number,
): string[] {
  const color = colors[index % colors.length];
  const drawn = points.filter((point) => point.x > 0 && point.y > 0);
  const path = drawn.map((point) => `${round(x(point.x))},${round(y(point.y))}`).join(' ');
  const legendY = margin.top + 8 + index * 18;
  return [
    `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2"/>`,
    ...drawn.flatMap((point) => {
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

function scaleOf(
  values: readonly number[],
  start: number,
  end: number,
): { from: number; to: number; at: (value: number) => number } {
  const from = Math.min(...values);
  const to = Math.max(...values);
  const span = Math.log(to / from) || 1;
  return { from, to, at: (value) => start + ((end - start) * Math.log(value / from)) / span };
}

/** 1, 2 and 5 times the powers of ten in between. */
function ticksOf(from: number, to: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    for (const step of [1, 2, 5]) {
      const value = step * 10 ** power;
      if (value >= from * 0.999 && value <= to * 1.001) ticks.push(value);
    }
  }
  return ticks;
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
