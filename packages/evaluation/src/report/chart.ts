/** Charts on the unit square as inline SVG: axes, curves, bands, points with intervals. Colours come from the page's style. */
import type { Point } from '../metrics/ranking.ts';
import { type Html, html } from './html.ts';

/** Which colour a mark has on the page. */
export type Ink = 'sequence' | 'cnn' | 'grey';
export type Layer =
  | { readonly kind: 'line'; readonly points: readonly Point[]; readonly ink: Ink; readonly dashed?: boolean }
  | { readonly kind: 'band'; readonly band: readonly { x: number; low: number; high: number }[]; readonly ink: Ink }
  | {
      readonly kind: 'point';
      readonly at: Point;
      readonly low: number | null;
      readonly high: number | null;
      readonly ink: Ink;
      readonly label?: string;
    }
  | { readonly kind: 'bar'; readonly from: number; readonly to: number; readonly height: number };
export type Chart = {
  /** Read out where the picture cannot be seen. */
  readonly description: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly layers: readonly Layer[];
  /** Without tick labels and axis names, for rows of small charts. */
  readonly small?: boolean;
};

const SIDE = 260;
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];
type Margins = { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
const MARGINS: Margins = { left: 48, top: 10, right: 12, bottom: 44 };
const SMALL_MARGINS: Margins = { left: 26, top: 8, right: 8, bottom: 22 };

export function chart({ description, xLabel, yLabel, layers, small = false }: Chart): Html {
  const margins = small ? SMALL_MARGINS : MARGINS;
  const [width, height] = [SIDE + margins.left + margins.right, SIDE + margins.top + margins.bottom];
  const place = placing(margins);
  return html`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="${description}">
${axes(place, small)}${layers.map((layer) => drawn(layer, place))}
${
  !small &&
  html`<text class="axis" x="${margins.left + SIDE / 2}" y="${height - 8}" text-anchor="middle">${xLabel}</text>
<text class="axis" transform="translate(13 ${margins.top + SIDE / 2}) rotate(-90)" text-anchor="middle">${yLabel}</text>`
}
</svg>`;
}

type Placing = { readonly x: (value: number) => string; readonly y: (value: number) => string };

const placing = ({ left, top }: Margins): Placing => ({
  x: (value) => (left + value * SIDE).toFixed(1),
  y: (value) => (top + (1 - value) * SIDE).toFixed(1),
});

function axes({ x, y }: Placing, small: boolean): Html {
  const ticks = small ? [0, 0.5, 1] : TICKS;
  const name = (tick: number): string => (small && tick !== 0.5 ? String(tick) : tick.toFixed(1));
  return html`${ticks.map(
    (tick) => html`<path class="grid" d="M${x(tick)} ${y(0)}V${y(1)}M${x(0)} ${y(tick)}H${x(1)}"/>
<text class="tick" x="${x(tick)}" y="${Number(y(0)) + 15}" text-anchor="middle">${name(tick)}</text>
<text class="tick" x="${Number(x(0)) - 6}" y="${Number(y(tick)) + 4}" text-anchor="end">${name(tick)}</text>`,
  )}<rect class="frame" x="${x(0)}" y="${y(1)}" width="${SIDE}" height="${SIDE}"/>`;
}

function drawn(layer: Layer, { x, y }: Placing): Html {
  if (layer.kind === 'line') {
    const d = layer.points.map(([px, py], index) => `${index === 0 ? 'M' : 'L'}${x(px)} ${y(py)}`).join('');
    return html`<path class="line ${layer.ink}${layer.dashed ? ' dashed' : ''}" d="${d}"/>`;
  }
  if (layer.kind === 'band') {
    if (layer.band.length === 0) return html``;
    const upper = layer.band.map(({ x: px, high }) => `${x(px)} ${y(high)}`);
    const lower = layer.band.map(({ x: px, low }) => `${x(px)} ${y(low)}`).reverse();
    return html`<path class="band ${layer.ink}" d="M${[...upper, ...lower].join('L')}Z"/>`;
  }
  if (layer.kind === 'bar') {
    const [left, right] = [Number(x(layer.from)) + 1, Number(x(layer.to)) - 1];
    const [top, bottom] = [Number(y(layer.height)), Number(y(0))];
    return html`<rect class="bar" x="${left}" y="${top}" width="${(right - left).toFixed(1)}" height="${(bottom - top).toFixed(1)}"/>`;
  }
  return drawnPoint(layer, { x, y });
}

function drawnPoint({ at, low, high, ink, label }: Extract<Layer, { kind: 'point' }>, { x, y }: Placing): Html {
  const leftHalf = at[0] < 0.55;
  return html`${low !== null && high !== null && html`<path class="whisker ${ink}" d="M${x(at[0])} ${y(low)}V${y(high)}"/>`}
<circle class="dot ${ink}" cx="${x(at[0])}" cy="${y(at[1])}" r="4.5"/>
${
  label !== undefined &&
  html`<text class="mark" x="${Number(x(at[0])) + (leftHalf ? 9 : -9)}" y="${Number(y(at[1])) + 14}" text-anchor="${leftHalf ? 'start' : 'end'}">${label}</text>`
}`;
}
