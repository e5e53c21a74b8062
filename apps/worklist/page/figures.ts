/** How Ichor does over time: plots, and the numbers behind each as a table. */
import { html } from 'htm/preact';
import { useEffect, useState } from 'preact/hooks';
import { api } from './model.ts';
import { Header } from './parts.ts';
import { COLOURS, Legend, type Line, Lines } from './plot.ts';

/** How the names of the API read. */
const WORDS: Readonly<Record<string, string>> = {
  medianSeconds: 'median, s',
  p95Seconds: '95th percentile, s',
  value: 'share',
  low: 'from',
  high: 'to',
  p10: '10 %',
  p90: '90 %',
};
const wordOf = (name: string): string => WORDS[name] ?? name;

type Row = Readonly<Record<string, string | number | null>>;
type Figures = { from: string; to: string; deciding: readonly string[]; timeToFlagOverall: Row | null } & Record<
  'perDay' | 'timeToFlag' | 'positiveRate' | 'ppv' | 'agreement' | 'scores' | 'reasons',
  readonly Row[]
>;

export function FiguresPage() {
  const [figures, setFigures] = useState<Figures | null>(null);
  const [range, setRange] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    const query = new URLSearchParams(Object.entries(range).filter(([, day]) => day !== ''));
    api<Figures>(`/api/figures?${query}`).then(
      (got) => {
        setFigures(got);
        setProblem(null);
      },
      (error: Error) => setProblem(error.message),
    );
  }, [range]);
  const day = (name: 'from' | 'to', label: string) =>
    html`<label>${label} <input type="date" value=${figures?.[name]} onChange=${(event: Event) => setRange({ from: figures!.from, to: figures!.to, [name]: (event.target as HTMLInputElement).value })} /></label>`;
  return html`<${Header} title="Figures" />${problem && html`<p class="lost" role="alert">${problem}</p>`}
    <main class="figures" tabindex="0"><form class="tools span">${day('from', 'From')}${day('to', 'To')}<small>Days in UTC; weeks begin on Monday. By arrival of the first instance.</small></form>
    ${
      figures &&
      html`
      <${Card} title="Studies per day" rows=${figures.perDay} by="day" series=${pivot(figures.perDay, 'day', 'state', 'studies')} />
      <${Card} title="Last instance to flag, seconds" rows=${figures.timeToFlag} by="day" series=${columns(figures.timeToFlag, ['medianSeconds', 'p95Seconds'])} note=${figures.timeToFlagOverall && `Whole range: median ${seconds(figures.timeToFlagOverall['medianSeconds'])}, 95th percentile ${seconds(figures.timeToFlagOverall['p95Seconds'])}`} />
      <${Card} title="Positive rate by week, 95 % interval" rows=${figures.positiveRate} by="week" most=${1} series=${interval(figures.positiveRate, ['low', 'value', 'high'])} />
      <${Card} title="Positive predictive value by week, from feedback" rows=${figures.ppv} by="week" most=${1} series=${interval(figures.ppv, ['low', 'value', 'high'])} />
      <${Card} title=${`Score of ${figures.deciding.join(' or ')} by week: 10 %, median, 90 %`} rows=${figures.scores} by="week" most=${1} series=${interval(figures.scores, ['p10', 'median', 'p90'])} />
      <${Card} title="Reasons for not analysed, by week" rows=${figures.reasons} by="week" series=${pivot(figures.reasons, 'week', 'reason', 'studies')} />
      <${Card} title="Agreement by finding, from feedback, 95 % interval" rows=${figures.agreement} by="finding" series=${[]} />`
    }</main>`;
}

function Card({
  title,
  rows,
  by,
  series,
  most,
  note,
}: {
  title: string;
  rows: readonly Row[];
  by: string;
  series: Line[];
  most?: number;
  note?: string | null;
}) {
  const names = [...new Set(rows.map((row) => String(row[by])))];
  const heads = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (rows.length === 0) return html`<section class="card"><h2>${title}</h2><p>Nothing in this range.</p></section>`;
  return html`<section class=${series.length > 0 ? 'card' : 'card span'}><h2>${title}</h2>${note && html`<p>${note}</p>`}
    ${series.length > 0 && html`<${Lines} label=${title} series=${series} names=${names} ...${most === undefined ? {} : { most }} /><${Legend} series=${series} />`}
    <details open=${series.length === 0}><summary>Table</summary><div class="scroll" tabindex="0" role="region" aria-label=${`Table: ${title}`}><table><thead><tr>${heads.map((head) => html`<th scope="col">${wordOf(head)}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${heads.map((head) => html`<td>${typeof row[head] === 'number' ? Number(row[head].toFixed(3)) : row[head]}</td>`)}</tr>`)}</tbody></table></div></details></section>`;
}

const columns = (rows: readonly Row[], names: readonly string[]): Line[] =>
  names.map((name, index) => ({
    name: wordOf(name),
    colour: COLOURS[index]!,
    values: rows.map((row) => (row[name] as number | null) ?? null),
  }));
/** The middle in colour, its bounds in grey. */
function interval(rows: readonly Row[], names: readonly [string, string, string]): Line[] {
  const [low, middle, high] = columns(rows, names) as [Line, Line, Line];
  const grey = COLOURS.at(-1)!;
  return [
    { ...middle, colour: COLOURS[0]! },
    { ...low, colour: grey },
    { ...high, colour: grey },
  ];
}
const seconds = (value: string | number | null | undefined): string =>
  typeof value === 'number' ? `${value.toFixed(1)} s` : '–';

/** One line per value of `of`; a day without it counts 0. */
function pivot(rows: readonly Row[], by: string, of: string, count: string): Line[] {
  const days = [...new Set(rows.map((row) => row[by]))];
  const names = [...new Set(rows.map((row) => String(row[of])))];
  return names.map((name, index) => ({
    name,
    colour: COLOURS[index % COLOURS.length]!,
    values: days.map((one) => Number(rows.find((row) => row[by] === one && row[of] === name)?.[count] ?? 0)),
  }));
}
