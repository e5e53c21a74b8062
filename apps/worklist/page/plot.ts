/** Line plots as SVG. */
import { html } from 'htm/preact';

export const COLOURS = ['#4f9be8', '#d27fd8', '#3fb6a8', '#d9962b', '#e8655a', '#8a97a5'];
export type Line = { readonly name: string; readonly colour: string; readonly values: readonly (number | null)[] };
type Plot = {
  label: string;
  series: readonly Line[];
  most?: number;
  /** A horizontal line, and what it is. */
  line?: { readonly at: number; readonly name: string } | null;
  chosen?: number;
  onChoose?: (index: number) => void;
  /** Where the mouse is; null when it has left. */
  onPoint?: (index: number | null) => void;
  names?: readonly string[];
};
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [640, 200, 44, 24];

export function Lines({ label, series, most, line = null, chosen, onChoose, onPoint, names = [] }: Plot) {
  const count = Math.max(1, ...series.map(({ values }) => values.length));
  const top = most ?? (Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0))) || 1);
  const x = (index: number): number => placeOf(index, count);
  const y = (value: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - 10);
  const pathOf = (values: Line['values']): string =>
    values
      .map((value, index) =>
        value === null
          ? ''
          : `${index === 0 || values[index - 1] === null ? 'M' : 'L'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`,
      )
      .join('');
  return html`<svg class="plot" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${label} onClick=${(event: MouseEvent) => onChoose?.(indexAt(event, count))}
    onMouseMove=${(event: MouseEvent) => onPoint?.(indexAt(event, count))} onMouseLeave=${() => onPoint?.(null)}>
    ${[0, 0.5, 1].map((share) => html`<g><line x1=${LEFT} x2=${WIDTH - 10} y1=${y(share * top)} y2=${y(share * top)} stroke="currentColor" opacity=".2" /><text x=${LEFT - 6} y=${y(share * top) + 4} text-anchor="end">${Number((share * top).toPrecision(3))}</text></g>`)}
    ${line !== null && html`<line x1=${LEFT} x2=${WIDTH - 10} y1=${y(line.at)} y2=${y(line.at)} stroke="currentColor" stroke-dasharray="5 4" /><text x=${WIDTH - 12} y=${y(line.at) - 4} text-anchor="end">${line.name}</text>`}
    ${series.map(({ values, colour }) => html`<g><path d=${pathOf(values)} fill="none" stroke=${colour} stroke-width="2" />${count < 40 && values.map((value, index) => value !== null && html`<circle cx=${x(index)} cy=${y(value)} r="2.5" fill=${colour} />`)}</g>`)}
    ${chosen !== undefined && html`<line x1=${x(chosen)} x2=${x(chosen)} y1="8" y2=${HEIGHT - BOTTOM} stroke="currentColor" stroke-width="1.5" />`}
    ${names.length > 0 && html`<text x=${LEFT} y=${HEIGHT - 6}>${names[0]}</text><text x=${WIDTH - 10} y=${HEIGHT - 6} text-anchor="end">${names.at(-1)}</text>`}</svg>`;
}
const placeOf = (index: number, count: number): number =>
  LEFT + (count === 1 ? 0.5 : index / (count - 1)) * (WIDTH - LEFT - 10);

/** The place on the horizontal axis that is nearest to the mouse. */
function indexAt(event: MouseEvent, count: number): number {
  const box = (event.currentTarget as SVGElement).getBoundingClientRect();
  const place = ((event.clientX - box.left) / box.width) * WIDTH;
  return Math.min(count - 1, Math.max(0, Math.round(((place - LEFT) / (WIDTH - LEFT - 10)) * (count - 1))));
}

const BARS_HEIGHT = 70;
/** Bars under the lines, at the same places. */
export function Bars({ label, values, colour, chosen, onChoose, onPoint }: Omit<Plot, 'series'> & Omit<Line, 'name'>) {
  const top = Math.max(...values.map((value) => value ?? 0)) || 1;
  const width = Math.max(2, ((WIDTH - LEFT - 10) / values.length) * 0.7);
  return html`<svg class="plot" viewBox=${`0 0 ${WIDTH} ${BARS_HEIGHT}`} role="img" aria-label=${label} onClick=${(event: MouseEvent) => onChoose?.(indexAt(event, values.length))}
    onMouseMove=${(event: MouseEvent) => onPoint?.(indexAt(event, values.length))} onMouseLeave=${() => onPoint?.(null)}>
    <text x=${LEFT - 6} y="14" text-anchor="end">${`${Math.round(top * 100)} %`}</text><text x=${LEFT - 6} y=${BARS_HEIGHT - 4} text-anchor="end">0</text>
    <line x1=${LEFT} x2=${WIDTH - 10} y1=${BARS_HEIGHT - 6} y2=${BARS_HEIGHT - 6} stroke="currentColor" opacity=".2" />
    ${values.map((value, index) => {
      const height = ((value ?? 0) / top) * (BARS_HEIGHT - 14);
      return html`<rect x=${placeOf(index, values.length) - width / 2} y=${BARS_HEIGHT - 6 - height} width=${width} height=${height} fill=${colour} opacity=${index === chosen ? 1 : 0.6} />`;
    })}</svg>`;
}
export const Legend = ({ series }: { series: readonly Line[] }) =>
  html`<div class="legend">${series.map(({ name, colour }) => html`<span><svg width="14" height="10" aria-hidden="true"><rect width="14" height="10" fill=${colour} /></svg> ${name}</span>`)}</div>`;
