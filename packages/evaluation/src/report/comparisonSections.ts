/** Bundles side by side, and readers beside the model. */
import { FINDING_CLASSES } from '@ichor/shared/study';
import type { Evaluation } from '../evaluation.ts';
import type { BundleFigures } from '../figures/bundleFigures.ts';
import { LEVELS } from '../figures/cases.ts';
import type { ComparedFigure, Comparison, LevelComparison } from '../figures/comparison.ts';
import type { JudgeFigures } from '../figures/readers.ts';
import { bundleName, decimal, difference, seconds, share } from '../numbers.ts';
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

function comparisonTable({ cases, auc, weightedLogLoss }: LevelComparison, level: string): Html {
  const row = (name: string, { first, other, difference: found }: ComparedFigure): Html =>
    html`<tr><th>${name}</th><td>${decimal(first.value)}</td><td>${decimal(other.value)}</td><td>${difference(found)}</td></tr>`;
  return html`<div class="scroll"><table><caption>On the ${cases.toLocaleString('en')} ${level} that both analysed; the difference with its paired 95 % interval. An interval that holds 0 does not tell the two apart.</caption>
<thead><tr><td></td><th>first</th><th>other</th><th>other − first</th></tr></thead><tbody>
${FINDING_CLASSES.map((name) => row(`AUC, ${findingName(name).toLowerCase()}`, auc[name]))}${row('Weighted log loss', weightedLogLoss)}</tbody></table></div>`;
}

export function readersSection({ readers, bundles }: Evaluation): Html {
  if (readers.length === 0) return html``;
  return html`<h2>Readers and the model</h2>
<p>Each reader, and below the model on the same cases, against the labels; the model at its thresholds “${setName(bundles[0].thresholds.default)}”. Kappa is agreement beyond chance: 1 is perfect, 0 is chance.</p>
<div class="scroll"><table><thead><tr><th>Class</th><th class="text">judge</th><th>cases</th><th>positive</th><th>sensitivity</th><th>specificity</th><th>accuracy</th><th>kappa with labels</th><th>kappa with model</th></tr></thead><tbody>
${inClassOrder(readers).map(
  ({ reader, level, finding, cases, positives, readerFigures, modelFigures, kappaWithModel }) => [
    html`<tr><th>${findingName(finding)}, ${LEVEL_NAMES[level]}</th><td class="text">${reader}</td><td>${cases}</td><td>${positives}</td>${judgeCells(readerFigures)}<td>${figure(kappaWithModel, 2)}</td></tr>`,
    html`<tr class="beside"><td></td><td class="text">model</td><td></td><td></td>${judgeCells(modelFigures)}<td></td></tr>`,
  ],
)}</tbody></table></div>`;
}

const inClassOrder = (readers: Evaluation['readers']): Evaluation['readers'] =>
  [...FINDING_CLASSES]
    .reverse()
    .flatMap((name) => LEVELS.flatMap((level) => readers.filter((one) => one.finding === name && one.level === level)));

const judgeCells = ({ sensitivity, specificity, accuracy, kappa }: JudgeFigures): Html[] =>
  [sensitivity, specificity, accuracy, kappa].map((estimate) => html`<td>${figure(estimate, 2)}</td>`);
