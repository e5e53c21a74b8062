/** The slices of a study: picture and heat map as layers, scores, thresholds and influence of every slice. */
import { html } from 'htm/preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Detail, type Study, targetOf } from './model.ts';
import { Bars, COLOURS, type Line, Lines, Swatch } from './plot.ts';

/** In the order of their keys, 1 to 4. */
const WINDOWS = ['brain', 'subdural', 'soft-tissue', 'bone'];
type Slices = Detail['slices'];
type Slice = Slices[number];
const keyOf = ({ sopInstanceUid, frameNumber = 1 }: { sopInstanceUid: string; frameNumber?: number }): string =>
  `${sopInstanceUid} ${frameNumber}`;

export function Viewer({ study, slices }: { study: Study; slices: Slices }) {
  const [at, setAt] = useState(() => firstShown(study, slices));
  const [shown, setWindow] = useState('brain');
  const [heat, setHeat] = useState(true);
  const [opacity, setOpacity] = useState(100);
  const box = useRef<HTMLDivElement>(null);
  const go = (step: number) => setAt((now) => Math.min(slices.length - 1, Math.max(0, now + step)));
  useEffect(() => {
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      go(Math.sign(event.deltaY));
    };
    const onKey = (event: KeyboardEvent) => {
      if ((event.target as Element).closest?.('input, textarea, select, .scroll') || event.ctrlKey || event.metaKey)
        return;
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (step !== undefined) go(step);
      if (step !== undefined) event.preventDefault();
      if (event.key === 'h') setHeat((on) => !on);
      setWindow((now) => WINDOWS[Number(event.key) - 1] ?? now);
    };
    box.current!.addEventListener('wheel', onWheel, { passive: false });
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return html`<h2>Slice ${at + 1} of ${slices.length}${millimetres(slices[at]!)}</h2>
    <div class="viewer" ref=${box}><${Layers} study=${study} slice=${slices[at]!} number=${at + 1} shown=${shown} heat=${heat} opacity=${opacity} /></div>
    <div class="tools">${WINDOWS.map((name) => html`<button aria-pressed=${String(name === shown)} onClick=${() => setWindow(name)}>${name}</button>`)}
      <button aria-pressed=${String(heat)} onClick=${() => setHeat(!heat)}>Heat map (h)</button>
      <label>Opacity <input type="range" min="0" max="100" value=${opacity} aria-valuetext=${`${opacity} %`} onInput=${(event: Event) => setOpacity(Number((event.target as HTMLInputElement).value))} /></label></div>
    <${Explained} slices=${slices} at=${at} shown=${shown} heat=${heat} onChoose=${setAt} />
    <label>Slice <input type="range" min="1" max=${slices.length} value=${at + 1} aria-label="Slice" onInput=${(event: Event) => setAt(Number((event.target as HTMLInputElement).value) - 1)} /></label>
    <${Scores} study=${study} slices=${slices} at=${at} onChoose=${setAt} />`;
}

/** The key slice with the highest score. */
function firstShown(study: Study, slices: Slices): number {
  const [key] = [...study.keySlices].sort((one, other) => other.score - one.score);
  return key === undefined
    ? 0
    : Math.max(
        0,
        slices.findIndex((slice) => keyOf(slice) === keyOf(key)),
      );
}
const millimetres = ({ zMm }: Slice): string => (zMm === undefined ? '' : `, z ${zMm.toFixed(1)} mm`);

/** The heat map is laid over the slice in any window, and only once the slice it belongs to is there. */
function Layers(of: { study: Study; slice: Slice; number: number; shown: string; heat: boolean; opacity: number }) {
  const { study, slice, number, shown, heat, opacity } = of;
  const [loaded, setLoaded] = useState(0);
  const [why, setWhy] = useState<string | null>(null);
  const base = `/api/studies/${study.studyInstanceUid}`;
  const map = mapOf(slice, shown);
  const source = `${base}/slices/${number}.png?window=${shown}&r=${study.revision}`;
  useEffect(() => setWhy(null), [source]);
  return html`<img src=${source} alt=${`Slice ${number}, ${shown} window`} onLoad=${() => setLoaded(number)} onError=${() => whyNot(source).then(setWhy)} />
    ${why !== null && html`<p class="unshown" role="alert">${why}</p>`}
    ${heat && map && html`<img key=${number} class="layer" src=${`${base}/${map}/${number}.png?r=${study.revision}`} alt=${`Heat map${slice.layer ? `: what drove ${slice.layer.finding}` : ' of the findings'}`} style=${{ opacity: opacity / 100, visibility: loaded === number ? 'visible' : 'hidden' }} />`}`;
}
/** A picture that does not come has a sentence in its place. */
const whyNot = (source: string): Promise<string> =>
  fetch(source)
    .then(async (answer) => ((await answer.json()) as { message: string }).message)
    .catch(() => 'This slice cannot be shown: the worklist gave no answer.');
/** Where its heat map is; of older results only the picture for the PACS, which has its slice in the brain window beneath. */
function mapOf({ layer, heatmap }: Slice, shown: string): 'layers' | 'heatmaps' | null {
  if (layer) return 'layers';
  return heatmap && shown === 'brain' ? 'heatmaps' : null;
}

/** What the colours mean, and where else there are some. */
function Explained(of: { slices: Slices; at: number; shown: string; heat: boolean; onChoose: (at: number) => void }) {
  const { slices, at, shown, heat, onChoose } = of;
  const slice = slices[at]!;
  const keys = slices.flatMap((one, index) => (mapOf(one, shown) === null ? [] : [index]));
  if (keys.length === 0)
    return html`<p class="explained"><small>No heat map here: key slices of findings have one${slices.some((one) => one.heatmap) && ', in the brain window'}.</small></p>`;
  return html`<p class="explained">${heat && slice.layer && html`<span><span class="tints" aria-hidden="true"></span> What drove <strong>${slice.layer.finding}</strong> ${slice.layer.score.toFixed(2)}: yellow a little, red most${slice.layer.of === 'cnn' && ' (Grad-CAM of the CNN alone: what it says of this slice by itself)'}</span>`}
    <span>Key slices ${keys.map((index) => html`<button aria-label=${`Key slice ${index + 1}`} aria-current=${String(index === at)} onClick=${() => onChoose(index)}>${index + 1}</button>`)}</span></p>`;
}

/** Pixels at the right of the plots, for the names of thresholds. */
const NAMES_WIDTH = 74;
type Series = Line & { readonly short: string; readonly values: readonly number[] };

/** Every slice's scores, and how much each slice drove the leading finding; the values of the slice under the mouse, else of the one shown. */
function Scores(of: { study: Study; slices: Slices; at: number; onChoose: (index: number) => void }) {
  const { study, slices, at, onChoose } = of;
  const [pointed, setPointed] = useState<number | null>(null);
  const series = targetOf(study).classes.map(
    ({ name, abbreviation }, place): Series => ({
      name,
      short: abbreviation,
      colour: COLOURS[place % COLOURS.length]!,
      values: slices.map((one) => one.probabilities[place] ?? 0),
    }),
  );
  const leading = leadingOf(study, slices, series);
  const shares = leading && slices.map((one) => one.influence?.[leading.name] ?? 0);
  const { findings } = study;
  const thresholds = findings
    ? series.map(({ name, short, colour }) => ({ name: short, colour, at: findings[name]!.threshold }))
    : [];
  const common = { chosen: at, onChoose, onPoint: setPointed, right: NAMES_WIDTH };
  return html`<h2>Score per slice</h2><${Lines} ...${common} label="Score of every finding per slice, skull base to vertex" series=${series} most=${1} thresholds=${thresholds}
      chosenText=${`Slice ${at + 1} of ${slices.length}${millimetres(slices[at]!)}`} names=${['skull base', 'vertex']} />
    ${leading && shares && html`<h2>Influence of each slice on ${leading.name}</h2><${Bars} ...${common} label=${`Share of every slice in what drove the finding ${leading.name}`} values=${shares} colour=${leading.colour} />`}
    <${Readout} study=${study} slices=${slices} series=${series} leading=${leading?.name} index=${pointed ?? at} />
    <p class="spoken" aria-live="polite">${spoken(study, slices, at, leading?.name)}</p>
    <${Values} study=${study} slices=${slices} leading=${leading?.name} onChoose=${onChoose} />`;
}
/** The kind with the highest score of those present; the class that decides where no kind is. */
function leadingOf(study: Study, slices: Slices, series: readonly Series[]): Series | undefined {
  const { findings } = study;
  if (findings === null) return undefined;
  const { decides } = targetOf(study);
  return series
    .filter(({ name }) => findings[name]?.present && slices[0]?.influence?.[name] !== undefined)
    .sort(
      (one, other) =>
        Number(one.name === decides) - Number(other.name === decides) ||
        findings[other.name]!.score - findings[one.name]!.score,
    )[0];
}
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function Readout(of: {
  study: Study;
  slices: Slices;
  series: readonly Series[];
  leading: string | undefined;
  index: number;
}) {
  const { study, slices, series, leading, index } = of;
  const slice = slices[index]!;
  return html`<div class="legend" id="readout"><strong>Slice ${index + 1}${millimetres(slice)}</strong>${series.map(
    ({ name, colour, values }) => {
      const finding = study.findings?.[name];
      const over = finding !== undefined && values[index]! >= finding.threshold;
      return html`<span class=${over ? 'over' : ''}><${Swatch} colour=${colour} /> ${name} <b>${values[index]!.toFixed(2)}</b>${finding && html` <small>from ${finding.threshold.toFixed(2)}</small>`}</span>`;
    },
  )}${leading && html`<span>influence <b>${percent(slice.influence?.[leading] ?? 0)}</b></span>`}</div>`;
}

/** The slice that is shown, for those who do not see it. */
function spoken(study: Study, slices: Slices, at: number, leading: string | undefined): string {
  const slice = slices[at]!;
  const { findings } = study;
  const scores = targetOf(study).classes.map(({ name }, place) => {
    const threshold = findings ? ` of ${findings[name]!.threshold.toFixed(2)}` : '';
    return `${name} ${slice.probabilities[place]!.toFixed(2)}${threshold}`;
  });
  const influence = leading ? `. Influence on ${leading} ${percent(slice.influence?.[leading] ?? 0)}` : '';
  return `Slice ${at + 1} of ${slices.length}${millimetres(slice)}. Score and threshold: ${scores.join(', ')}${influence}.`;
}

/** The plot as a table: written only when somebody opens it. */
function Values(of: { study: Study; slices: Slices; leading: string | undefined; onChoose: (index: number) => void }) {
  const { study, slices, leading, onChoose } = of;
  const [open, setOpen] = useState(false);
  const { findings } = study;
  const names = targetOf(study).classes.map(({ name }) => name);
  return html`<details onToggle=${(event: Event) => setOpen((event.target as HTMLDetailsElement).open)}><summary>Values of every slice</summary>${
    open &&
    html`<div class="scroll values" tabindex="0" role="region" aria-label="Values of every slice"><table><thead><tr><th scope="col">Slice</th><th scope="col">z, mm</th>${names.map((name) => html`<th scope="col">${name}${findings && html`<br /><small>from ${findings[name]!.threshold.toFixed(2)}</small>`}</th>`)}${leading && html`<th scope="col">influence on ${leading}</th>`}</tr></thead>
    <tbody>${slices.map((slice, index) => html`<tr><th scope="row"><button class="plain" onClick=${() => onChoose(index)}>${index + 1}</button></th><td>${slice.zMm?.toFixed(1) ?? '–'}</td>${names.map((name, place) => html`<td class=${findings && slice.probabilities[place]! >= findings[name]!.threshold ? 'over' : ''}>${slice.probabilities[place]!.toFixed(2)}</td>`)}${leading && html`<td>${percent(slice.influence?.[leading] ?? 0)}</td>`}</tr>`)}</tbody></table></div>`
  }</details>`;
}
