/** Draws what a blocked write waits for, from top to bottom: each box is a write or a document, each line means "awaits". */
import { h, scrolling, svg } from './dom.ts';
import type { ExplainedLink, WriteView } from './messages.ts';

interface Box {
  key: string;
  depth: number;
  /** The write of the box; null: a document that no client has submitted. */
  writeId: string | null;
  lines: [string, string];
  tone: string;
}

const boxSize = { width: 236, height: 56 };
const gap = { x: 20, y: 44 };
/** Most boxes side by side; further ones are counted. */
const rowMax = 6;

export function chainGraph({ writeId, stuck, chain }: WriteView): HTMLElement {
  const boxes = new Map<string, Box>();
  boxes.set(writeId, {
    key: writeId,
    depth: 0,
    writeId,
    lines: [stuck?.resource ?? 'this write', 'this write'],
    tone: 'self',
  });
  for (const link of chain) {
    const box = boxOf(link);
    if (!boxes.has(box.key)) boxes.set(box.key, box);
  }
  const rows: Box[][] = [];
  for (const box of boxes.values()) (rows[box.depth] ??= []).push(box);
  const places = new Map<string, Place>();
  const widest = Math.min(rowMax, Math.max(...rows.map((row) => row.length)));
  const side = widest * (boxSize.width + gap.x) + gap.x;
  // Room at the right for lines that lead back, and as much at the left.
  const width = side + 2 * gap.x;
  const rest: SVGElement[] = [];
  rows.forEach((row, depth) => {
    const shown = row.slice(0, rowMax);
    const left = (width - shown.length * (boxSize.width + gap.x) + gap.x) / 2;
    const y = 10 + depth * (boxSize.height + gap.y);
    shown.forEach(({ key }, index) => places.set(key, { x: left + index * (boxSize.width + gap.x), y }));
    if (row.length > rowMax)
      rest.push(
        svg(
          'text',
          { class: 'axis', x: width - gap.x, y: y + boxSize.height + 16, 'text-anchor': 'end' },
          `and ${row.length - rowMax} more`,
        ),
      );
  });
  const height = rows.length * (boxSize.height + gap.y) + 10;
  const lines = chain.flatMap((link) => {
    const from = places.get(link.blockedId);
    const to = places.get(keyOf(link));
    return from === undefined || to === undefined ? [] : [lineOf(from, to, link, side + gap.x / 2)];
  });
  const drawn = [...boxes.values()].flatMap((box) => {
    const place = places.get(box.key);
    return place === undefined ? [] : [drawBox(box, place)];
  });
  return h(
    'div',
    { class: 'graph' },
    scrolling(
      'Diagram of what the write waits for',
      svg(
        'svg',
        { viewBox: `0 0 ${width} ${height}`, width, height, role: 'group', 'aria-label': summaryOf(chain) },
        svg(
          'defs',
          {},
          svg(
            'marker',
            {
              id: 'arrow',
              viewBox: '0 0 8 8',
              refX: 7,
              refY: 4,
              markerWidth: 7,
              markerHeight: 7,
              orient: 'auto',
            },
            svg('path', { class: 'head', d: 'M0 0L8 4L0 8z' }),
          ),
        ),
        ...lines,
        ...drawn,
        ...rest,
      ),
    ),
  );
}

function keyOf({ provider, awaitedId }: ExplainedLink): string {
  return provider?.writeId ?? awaitedId;
}

const standings: Record<ExplainedLink['standing'], { words: string; tone: string }> = {
  pending: { words: 'in the intake', tone: 'good' },
  blocked: { words: 'blocked itself', tone: 'warn' },
  refused: { words: 'not applied', tone: 'bad' },
  never_seen: { words: 'not submitted', tone: 'bad' },
  locked: { words: 'locked by another transaction', tone: 'warn' },
  committed: { words: 'exists', tone: 'good' },
};

function boxOf(link: ExplainedLink): Box {
  const { depth, provider, standing, kind, resource, identity, awaitedId, failure } = link;
  const { words, tone } = standings[standing];
  const name = { predecessor: 'an earlier write', lock: 'a row', reference: resource ?? 'a document' }[kind];
  return {
    key: keyOf(link),
    depth,
    writeId: provider?.writeId ?? null,
    lines: [
      identity === null ? `${name} ${awaitedId.slice(-12)}` : `${name} ${identity}`,
      `${words}${failure === null ? '' : ` (${failure})`}${provider === null ? '' : `, lane ${provider.lane}`}`,
    ],
    tone,
  };
}

function drawBox({ writeId, lines: [first, second], tone }: Box, { x, y }: Place): SVGElement {
  const group = svg(
    'g',
    { class: `box ${tone}`, transform: `translate(${x} ${y})` },
    svg('title', {}, `${first}: ${second}`),
    svg('rect', { width: boxSize.width, height: boxSize.height, rx: 8 }),
    svg('text', { class: 'name', x: 12, y: 23 }, shortened(first)),
    svg('text', { class: 'note', x: 12, y: 43 }, shortened(second)),
  );
  if (writeId === null) return group;
  return svg('a', { href: `#/write/${writeId}` }, group);
}

/** The part of a text that fits into a box. */
function shortened(text: string): string {
  return text.length <= 31 ? text : `${text.slice(0, 30)}…`;
}

type Place = { x: number; y: number };

/** A straight line to a row below; other lines go around all boxes, so that a cycle is visible. */
function lineOf(from: Place, to: Place, { kind }: ExplainedLink, side: number): SVGElement {
  const { width, height } = boxSize;
  const start = { x: from.x + width / 2, y: from.y + height };
  const end = { x: to.x + width / 2, y: to.y - 2 };
  const middle = (start.y + end.y) / 2;
  const d =
    end.y > start.y
      ? `M${start.x} ${start.y}C${start.x} ${middle} ${end.x} ${middle} ${end.x} ${end.y}`
      : `M${start.x} ${start.y}C${start.x} ${start.y + gap.y / 2} ${side} ${start.y + gap.y / 2} ${side} ${start.y}` +
        `L${side} ${to.y + height / 2}Q${side} ${to.y + height / 4} ${to.x + width + 2} ${to.y + height / 4}`;
  return svg('path', { class: `edge ${kind}`, d, 'marker-end': 'url(#arrow)' });
}

function summaryOf(chain: readonly ExplainedLink[]): string {
  const depth = Math.max(...chain.map((link) => link.depth));
  return `${chain.length} ${chain.length === 1 ? 'link' : 'links'}, ${depth} ${depth === 1 ? 'step' : 'steps'} deep`;
}
