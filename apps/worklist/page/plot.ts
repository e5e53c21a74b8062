/** Line plots and bars as SVG, drawn in the pixels of the screen so that texts keep their size. */
import { html } from 'htm/preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/** Of the theme, each told from the card behind it by 3 : 1 at least. */
export const COLOURS = [0, 1, 2, 3, 4, 5].map((place) => `var(--line-${place})`);
export type Line = { readonly name: string; readonly colour: string; readonly values: readonly (number | null)[] };
export type Threshold = { readonly name: string; readonly colour: string; readonly at: number };
type Axis = {
  /** Index of the place that is shown. */
  readonly chosen?: number;
  readonly onChoose?: (index: number) => void;
  /** Where the mouse is; null when it has left. */
  readonly onPoint?: (index: number | null) => void;
  /** Pixels at the right, for the names of thresholds. */
  readonly right?: number;
};
type Plot = Axis & {
  readonly label: string;
  readonly series: readonly Line[];
  readonly most?: number;
  readonly thresholds?: readonly Threshold[];
  /** How the chosen place is told to those who do not see it. */
  readonly chosenText?: string;
  readonly names?: readonly string[];
};
const [HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [200, 44, 10, 10, 24];

/** With `onChoose` it is a slider for the keyboard: Home, End, Page Up and Page Down here; the arrows are the page's. */
export function Lines({ label, series, most, thresholds = [], chosenText, names = [], ...axis }: Plot) {
  const [box, width] = useWidth();
  const { chosen, onChoose, right = RIGHT } = axis;
  const count = Math.max(1, ...series.map(({ values }) => values.length));
  const highest = Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const top = most ?? (2 * Math.ceil(highest / 2) || 1);
  const end = width - right;
  const x = (index: number): number => placeOf(index, count, end);
  const y = (value: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP);
  const slider = onChoose !== undefined && {
    role: 'slider',
    tabindex: 0,
    'aria-valuemin': 1,
    'aria-valuemax': count,
    'aria-valuenow': (chosen ?? 0) + 1,
    'aria-valuetext': chosenText,
    onKeyDown: (event: KeyboardEvent) => onStep(event, chosen ?? 0, count, onChoose),
  };
  return html`<svg ref=${box} class="plot" viewBox=${`0 0 ${width} ${HEIGHT}`} role="img" aria-label=${label} ...${slider} ...${mouse(axis, count, end)}>
    ${[0, 0.5, 1].map((share) => html`<g><line x1=${LEFT} x2=${end} y1=${y(share * top)} y2=${y(share * top)} stroke="currentColor" opacity=".2" /><text x=${LEFT - 6} y=${y(share * top) + 4} text-anchor="end">${Number((share * top).toPrecision(3))}</text></g>`)}
    ${withLabelHeights(thresholds, y).map(({ name, colour, at, labelAt }) => html`<g class="threshold"><line x1=${LEFT} x2=${end} y1=${y(at)} y2=${y(at)} stroke=${colour} stroke-dasharray="5 4" /><path d=${`M${end} ${y(at)}L${end + 10} ${labelAt}`} stroke=${colour} fill="none" /><text x=${end + 13} y=${labelAt + 4}>${name} ${at.toFixed(2)}</text></g>`)}
    ${series.map(({ values, colour }) => html`<g><path d=${pathOf(values, x, y)} fill="none" stroke=${colour} stroke-width="2" />${count < 40 && values.map((value, index) => value !== null && html`<circle cx=${x(index)} cy=${y(value)} r="2.5" fill=${colour} />`)}</g>`)}
    ${chosen !== undefined && html`<line x1=${x(chosen)} x2=${x(chosen)} y1="8" y2=${HEIGHT - BOTTOM} stroke="currentColor" stroke-width="1.5" />`}
    ${names.length > 0 && html`<text x=${LEFT} y=${HEIGHT - 6}>${names[0]}</text><text x=${end} y=${HEIGHT - 6} text-anchor="end">${names.at(-1)}</text>`}</svg>`;
}

const pathOf = (values: Line['values'], x: (index: number) => number, y: (value: number) => number): string =>
  values
    .map((value, index) =>
      value === null
        ? ''
        : `${index === 0 || values[index - 1] === null ? 'M' : 'L'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`,
    )
    .join('');

const LABEL_HEIGHT = 14;
/** Each with the height of its name: beside its line, or as near as the other names allow. */
function withLabelHeights(thresholds: readonly Threshold[], y: (value: number) => number) {
  const sorted = [...thresholds].sort((one, other) => other.at - one.at);
  const places = sorted.map(({ at }) => y(at));
  for (let index = 1; index < places.length; index++)
    places[index] = Math.max(places[index]!, places[index - 1]! + LABEL_HEIGHT);
  for (let index = places.length - 1; index >= 0; index--)
    places[index] = Math.min(places[index]!, (places[index + 1] ?? HEIGHT - BOTTOM + LABEL_HEIGHT) - LABEL_HEIGHT);
  return sorted.map((threshold, index) => ({ ...threshold, labelAt: places[index]! }));
}

const placeOf = (index: number, count: number, end: number): number =>
  LEFT + (count === 1 ? 0.5 : index / (count - 1)) * (end - LEFT);

function mouse({ onChoose, onPoint }: Axis, count: number, end: number) {
  const nearest = (event: MouseEvent): number => {
    const { left } = (event.currentTarget as SVGElement).getBoundingClientRect();
    const share = (event.clientX - left - LEFT) / (end - LEFT);
    return Math.min(count - 1, Math.max(0, Math.round(share * (count - 1))));
  };
  return {
    onClick: (event: MouseEvent) => onChoose?.(nearest(event)),
    onMouseMove: (event: MouseEvent) => onPoint?.(nearest(event)),
    onMouseLeave: () => onPoint?.(null),
  };
}

const PAGE = 10;
function onStep(event: KeyboardEvent, chosen: number, count: number, onChoose: (index: number) => void): void {
  const to = { Home: 0, End: count - 1, PageUp: chosen + PAGE, PageDown: chosen - PAGE }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  onChoose(Math.min(count - 1, Math.max(0, to)));
}

/** How wide an element is on the screen, pixels. */
function useWidth() {
  const box = useRef<SVGElement>(null);
  const [width, setWidth] = useState(640);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(200, Math.round(entry!.contentRect.width))));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  return [box, width] as const;
}

const BARS_HEIGHT = 70;
/** Bars under the lines, at the same places. */
export function Bars({
  label,
  values,
  colour,
  right = RIGHT,
  ...axis
}: Axis & { readonly label: string } & Omit<Line, 'name'>) {
  const [box, width] = useWidth();
  const end = width - right;
  const top = Math.max(...values.map((value) => value ?? 0)) || 1;
  const barWidth = Math.max(2, ((end - LEFT) / values.length) * 0.7);
  return html`<svg ref=${box} class="plot" viewBox=${`0 0 ${width} ${BARS_HEIGHT}`} role="img" aria-label=${label} ...${mouse(axis, values.length, end)}>
    <text x=${LEFT - 6} y="14" text-anchor="end">${`${Math.round(top * 100)} %`}</text><text x=${LEFT - 6} y=${BARS_HEIGHT - 4} text-anchor="end">0</text>
    <line x1=${LEFT} x2=${end} y1=${BARS_HEIGHT - 6} y2=${BARS_HEIGHT - 6} stroke="currentColor" opacity=".2" />
    ${values.map((value, index) => {
      const height = ((value ?? 0) / top) * (BARS_HEIGHT - 14);
      return html`<rect x=${placeOf(index, values.length, end) - barWidth / 2} y=${BARS_HEIGHT - 6 - height} width=${barWidth} height=${height} fill=${colour} opacity=${index === axis.chosen ? 1 : 0.6} />`;
    })}</svg>`;
}

export const Legend = ({ series }: { series: readonly Line[] }) =>
  html`<div class="legend">${series.map(({ name, colour }) => html`<span><${Swatch} colour=${colour} /> ${name}</span>`)}</div>`;
export const Swatch = ({ colour }: { colour: string }) =>
  html`<svg width="14" height="10" aria-hidden="true"><rect width="14" height="10" fill=${colour} /></svg>`;
