/** The top of the page: what was evaluated, on what, and the figures that people look for first. */

import { FINDING_CLASSES } from '@ichor/shared/study';
import type { Evaluation } from '../evaluation.ts';
import type { BundleFigures } from '../figures/bundleFigures.ts';
import type { LevelFigures } from '../figures/levelFigures.ts';
import { LAYOUTS } from '../labels/readLabels.ts';
import type { Estimate } from '../metrics/bootstrap.ts';
import { count, interval, seconds } from '../numbers.ts';
import { type Html, html } from './html.ts';
import { intervalBar } from './intervalBar.ts';
import { findingName, leftovers, setName, whoWasStudied } from './words.ts';

export function headSection({ data, madeAt, ichorVersion, notice }: Evaluation, { identity }: BundleFigures): Html {
  return html`<header>
<p class="over">Ichor evaluation report</p>
<h1>${identity.name} ${identity.version}</h1>
<p class="quiet">${whoWasStudied(data)} · ${madeAt.slice(0, 16).replace('T', ' ')} UTC · Ichor ${ichorVersion}</p>
<p class="notice"><strong>Not a medical device.</strong> ${notice}</p>
</header>`;
}

export function summarySection(evaluation: Evaluation, bundle: BundleFigures): Html {
  return html`<div class="cards">${cards(bundle)}</div>
<h2>What was evaluated</h2>
${facts(evaluation, bundle)}
${countsTable(bundle, evaluation)}`;
}

function cards({ scan, slice, coverage, time, thresholds }: BundleFigures): Html[] {
  const any = scan.classes.any;
  const decision = any.decisions[thresholds.default]!;
  return [
    card('AUC per scan, any hemorrhage', any.sequence.auc),
    ...(slice === null ? [] : [card('AUC per slice, any hemorrhage', slice.classes.any.sequence.auc)]),
    card(`Sensitivity per scan (${setName(thresholds.default)})`, decision.sensitivity),
    card(`Specificity per scan (${setName(thresholds.default)})`, decision.specificity),
    html`<div class="card"><div class="name">Analysed</div><div class="value">${coverage.studies === 0 ? '–' : `${Math.round((100 * coverage.analysed) / coverage.studies)} %`}</div><div class="bounds">${coverage.analysed} of ${count(coverage.studies, 'study', 'studies')}</div></div>`,
    html`<div class="card"><div class="name">Time per study, median</div><div class="value">${seconds(time.medianMs)}</div><div class="bounds">95 % within ${seconds(time.p95Ms)}</div></div>`,
  ];
}

function card(name: string, estimate: Estimate): Html {
  const bounds = interval(estimate);
  return html`<div class="card"><div class="name">${name}</div><div class="value">${estimate.value === null ? '–' : estimate.value.toFixed(3)}</div><div class="bounds">${bounds === '' ? 'no interval: too few cases' : bounds} ${intervalBar(estimate)}</div></div>`;
}

function facts({ data, machine }: Evaluation, { identity, thresholds, trainedOn }: BundleFigures): Html {
  const rows: [string, Html | string][] = [
    ['Bundle', html`${identity.name} ${identity.version}, SHA-256 of its manifest <code>${identity.sha256}</code>`],
    ['Trained on', `${trainedOn.join('; ')}. The figures hold only for patients who are not among these.`],
    ['Thresholds from', thresholds.source],
    ['Images', data.folders.join(', ')],
    [
      'Labels',
      `${data.labelFiles.length === 1 ? data.labelFiles[0]! : `${data.labelFiles.length} files`} (${LAYOUTS[data.layout]}), ${count(data.labels, 'label')}`,
    ],
    [
      'Patients',
      data.patientFrom === 'study'
        ? 'not known: each study counts as one'
        : `${data.patients}, told apart by ${data.patientFrom}`,
    ],
    ['Computed on', `${machine.cpu}, ${count(machine.inferenceThreads, 'thread')}, ${machine.executionProviders}`],
    ...leftovers(data).map((line): [string, string] => ['Note', line]),
  ];
  return html`<dl class="facts">${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function countsTable({ scan, slice }: BundleFigures, { bootstrap }: Evaluation): Html {
  const cells = (level: LevelFigures, name: (typeof FINDING_CLASSES)[number]): Html =>
    html`<td>${level.classes[name].positives.toLocaleString('en')}</td>`;
  return html`<div class="scroll"><table><caption>Analysed cases by label.</caption>
<thead><tr><td></td><th>${bootstrap.resampled}</th><th>scans</th>${slice && html`<th>slices</th>`}</tr></thead><tbody>
${FINDING_CLASSES.map((name) => html`<tr${name === 'any' && html` class="main"`}><th>${findingName(name)}</th><td>${scan.classes[name].positivePatients}</td>${cells(scan, name)}${slice && cells(slice, name)}</tr>`)}
<tr><th>All</th><td>${scan.patients}</td><td>${scan.cases.toLocaleString('en')}</td>${slice && html`<td>${slice.cases.toLocaleString('en')}</td>`}</tr>
</tbody></table></div>`;
}
