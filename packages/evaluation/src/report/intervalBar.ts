/** Small marks for tables and cards: an estimate with its interval from 0 to 1, and scores along a stack. */
import type { Estimate } from '../metrics/bootstrap.ts';
import { decimal, interval } from '../numbers.ts';
import { type Html, html } from './html.ts';

const WIDTH = 96;

/** The estimate as a dot, its interval as a line, between 0 and 1; nothing without a figure. */
export function intervalBar({ value, low, high }: Estimate): Html {
  if (value === null) return html``;
  const x = (share: number): string => (4 + share * (WIDTH - 8)).toFixed(1);
  return html`<svg class="interval" viewBox="0 0 ${WIDTH} 12" aria-hidden="true"><path class="rail" d="M4 6H${WIDTH - 4}M4 3V9M${WIDTH / 2} 4V8M${WIDTH - 4} 3V9"/>
${low !== null && high !== null && html`<path class="whisker sequence" d="M${x(low)} 6H${x(high)}"/>`}<circle class="dot sequence" cx="${x(value)}" cy="6" r="3"/></svg>`;
}

/** Figure and interval as a table cell's content, the interval quieter than the figure. */
export function figure(estimate: Estimate, digits = 3): Html {
  const bounds = interval(estimate, digits);
  return html`${decimal(estimate.value, digits)}${bounds !== '' && html` <span class="bounds">${bounds}</span>`}`;
}

export type Profile = readonly { readonly probability: number; readonly labelled: boolean | null }[];

/** Score of every slice from skull base to vertex; slices labelled positive are shaded, the threshold is dashed, `shown` slices have a dot. */
export function sliceProfile(profile: Profile, threshold: number, shown: readonly number[], what: string): Html {
  const [width, height] = [360, 78];
  const step = width / profile.length;
  const y = (probability: number): string => (height - 14 - probability * (height - 22)).toFixed(1);
  const x = (index: number): string => ((index + 0.5) * step).toFixed(1);
  const shades = profile.map(
    ({ labelled }, index) =>
      labelled === true &&
      html`<rect class="labelled" x="${(index * step).toFixed(1)}" y="6" width="${step.toFixed(1)}" height="${height - 20}"/>`,
  );
  const d = profile.map(({ probability }, index) => `${index === 0 ? 'M' : 'L'}${x(index)} ${y(probability)}`).join('');
  return html`<svg class="profile" viewBox="0 0 ${width} ${height}" role="img" aria-label="Probability of ${what} in each of ${profile.length} slices">
${shades}<path class="rail" d="M0 ${y(0)}H${width}M0 ${y(1)}H${width}"/><path class="line grey dashed" d="M0 ${y(threshold)}H${width}"/><path class="line sequence" d="${d}"/>
${shown.map((index) => html`<circle class="dot sequence" cx="${x(index)}" cy="${y(profile[index]!.probability)}" r="4"/>`)}
<text class="tick" x="0" y="${height - 2}">skull base</text><text class="tick" x="${width}" y="${height - 2}" text-anchor="end">vertex</text></svg>`;
}
