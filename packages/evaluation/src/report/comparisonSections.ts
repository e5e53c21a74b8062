/** Bundles side by side, and readers beside the model. */
import { FINDING_CLASSES } from '@ichor/shared/study';
import type { Evaluation } from '../evaluation.ts';
import type { BundleFigures } from '../figures/bundleFigures.ts';
import { LEVELS } from '../figures/cases.ts';
import type { ComparedFigure, ComparedRate, Comparison, LevelComparison } from '../figures/comparison.ts';
import type { JudgeFigures } from '../figures/readers.ts';
import type { Estimate } from '../metrics/bootstrap.ts';
import { bundleName, decimal, difference, probability, seconds, share } from '../numbers.ts';
import { type Html, html } from './html.ts';
import { figure } from './intervalBar.ts';
import { findingName, LEVEL_NAMES, setName } from './words.ts';

export function bundlesSection({ bundles, comparisons }: Evaluation): Html {
  if (comparisons.length === 0) return html``;
  return html`<h2>Bundles side by side</h2>${sideBySide(bundles)}${comparisons.map(comparisonTables)}`;
}

function sideBySide(bundles: readonly BundleFigures[]): Html {
  const rows: [string, (bundle: BundleFigures) => Html | string][] = [
    ['Trained on', ({ trainedOn }) => trainedOn.join('; ')],
    ['Analysed', ({ coverage }) => share(coverage.analysed, coverage.studies)],
    ['Time per study, median', ({ time }) => seconds(time.medianMs)],
    ...LEVELS.flatMap((level): [string, (bundle: BundleFigures) => Html | string][] =>
      bundles.some((bundle) => bundle[level] === null)
        ? []
        : [
            [`AUC, any, ${LEVEL_NAMES[level]}`, (bundle) => figure(bundle[level]!.classes.any.sequence.auc)],
            [`AUC, any, ${LEVEL_NAMES[level]}, CNN alone`, (bundle) => figure(bundle[level]!.classes.any.cnn.auc)],
            [`Weighted log loss, ${LEVEL_NAMES[level]}`, (bundle) => figure(bundle[level]!.weightedLogLoss.sequence)],
          ],
    ),
    ['Default thresholds', ({ thresholds }) => setName(thresholds.default)],
    [
      'Sensitivity, any, scans',
      ({ scan, thresholds }) => figure(scan.classes.any.decisions[thresholds.default]!.sensitivity),
    ],
    [
      'Specificity, any, scans',
      ({ scan, thresholds }) => figure(scan.classes.any.decisions[thresholds.default]!.specificity),
    ],
  ];
  return html`<div class="scroll"><table><caption>Each on what it analysed. A bundle that was trained on these patients looks better than it is.</caption><thead><tr><td></td>${bundles.map(({ identity }) => html`<th>${bundleName(identity)}</th>`)}</tr></thead><tbody>
${rows.map(([name, of]) => html`<tr><th>${name}</th>${bundles.map((bundle) => html`<td>${of(bundle)}</td>`)}</tr>`)}</tbody></table></div>`;
}

function comparisonTables(comparison: Comparison): Html {
  return html`<h3>${bundleName(comparison.other)} against ${bundleName(comparison.first)}</h3>
${LEVELS.map((level) => {
  const compared = comparison[level];
  return compared !== null && comparisonTable(compared, LEVEL_NAMES[level]);
})}`;
}

function comparisonTable(compared: LevelComparison, level: string): Html {
  const { cases, auc, weightedLogLoss } = compared;
  const row = (name: string, { first, other, difference: found }: ComparedFigure): Html =>
    html`<tr><th>${name}</th><td>${decimal(first.value)}</td><td>${decimal(other.value)}</td><td>${difference(found)}</td></tr>`;
  return html`<div class="scroll"><table><caption>On the ${cases.toLocaleString('en')} ${level} that both analysed; the difference with its paired 95 % interval. An interval that holds 0 does not tell the two apart.</caption>
<thead><tr><td></td><th>first</th><th>other</th><th>other − first</th></tr></thead><tbody>
${FINDING_CLASSES.map((name) => row(`AUC, ${findingName(name).toLowerCase()}`, auc[name]))}${row('Weighted log loss', weightedLogLoss)}</tbody></table></div>
${rateTable(compared, level)}`;
}

function rateTable({ sensitivity, specificity }: LevelComparison, level: string): Html {
  const row = (name: string, { first, other, difference: found, mcNemar }: ComparedRate): Html =>
    html`<tr><th>${name}</th><td>${decimal(first.value)}</td><td>${decimal(other.value)}</td><td>${difference(found)}</td><td>${mcNemar.onlyFirst.toLocaleString('en')}</td><td>${mcNemar.onlyOther.toLocaleString('en')}</td><td>${probability(mcNemar.p)}</td></tr>`;
  return html`<div class="scroll"><table><caption>Decisions on the same ${level}, each bundle at its default thresholds. McNemar: ${level} that only one of the two judged rightly, and the exact two-sided p, which takes ${level} for independent${level === 'slices' && html`: slices of one head are not, so that p is too small; go by the interval`}.</caption>
<thead><tr><td></td><th>first</th><th>other</th><th>other − first</th><th>only first right</th><th>only other right</th><th>p</th></tr></thead><tbody>
${FINDING_CLASSES.map((name) => [
  row(`Sensitivity, ${findingName(name).toLowerCase()}`, sensitivity[name]),
  row(`Specificity, ${findingName(name).toLowerCase()}`, specificity[name]),
])}</tbody></table></div>`;
}

export function readersSection({ readers, bundles }: Evaluation): Html {
  if (readers.length === 0) return html``;
  return html`<h2>Readers and the model</h2>
<p>Each reader, and below the model and its CNN alone on the same cases, against the labels; the models at the thresholds “${setName(bundles[0].thresholds.default)}”. The AUC of a model is that of its scores; a reader calls and does not score, so that a reader’s is the mean of sensitivity and specificity. Kappa is agreement beyond chance: 1 is perfect, 0 is chance.</p>
<div class="scroll"><table><thead><tr><th>Class</th><th class="text">judge</th><th>positive</th><th>AUC</th><th>sensitivity</th><th>specificity</th><th>accuracy</th><th>kappa, labels</th><th>kappa, reader</th></tr></thead><tbody>
${inClassOrder(readers).map(({ reader, level, finding, cases, positives, readerFigures, ...beside }) => [
  html`<tr><th>${finding === 'any' ? 'Any' : findingName(finding)}, ${LEVEL_NAMES[level]}</th><td class="text">${reader}</td><td>${positives} of ${cases}</td>${judgeCells(readerFigures)}<td></td></tr>`,
  besideRow('model', beside.modelFigures, beside.kappaWithModel),
  besideRow('CNN alone', beside.cnnFigures, beside.kappaWithCnn),
])}</tbody></table></div>`;
}

const inClassOrder = (readers: Evaluation['readers']): Evaluation['readers'] =>
  [...FINDING_CLASSES]
    .reverse()
    .flatMap((name) => LEVELS.flatMap((level) => readers.filter((one) => one.finding === name && one.level === level)));

const besideRow = (judge: string, figures: JudgeFigures, kappaWithReader: Estimate): Html =>
  html`<tr class="beside"><td></td><td class="text">${judge}</td><td></td>${judgeCells(figures)}<td>${figure(kappaWithReader, 2)}</td></tr>`;

const judgeCells = ({ auc, sensitivity, specificity, accuracy, kappa }: JudgeFigures): Html[] =>
  [auc, sensitivity, specificity, accuracy, kappa].map((estimate) => html`<td>${figure(estimate, 2)}</td>`);
