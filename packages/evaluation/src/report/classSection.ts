/** Every class at every level: the paper's Table 3 with intervals. */
import { FINDING_CLASSES, type FindingClass } from '@ichor/shared/study';
import type { Evaluation } from '../evaluation.ts';
import type { BundleFigures } from '../figures/bundleFigures.ts';
import { LEVELS, type LevelName } from '../figures/cases.ts';
import type { DecisionFigures, LevelFigures, ScoreFigures } from '../figures/levelFigures.ts';
import { decimal } from '../numbers.ts';
import { type Html, html } from './html.ts';
import { figure, intervalBar } from './intervalBar.ts';
import { findingName, LEVEL_NAMES, setName, setsInOrder, units } from './words.ts';

export function classSection(bundle: BundleFigures, data: Evaluation['data']): Html {
  return html`<h2>Every class</h2>
${LEVELS.map((level) => {
  const figures = bundle[level];
  return figures !== null && levelTables(bundle, level, figures, data);
})}`;
}

function levelTables(
  { thresholds }: BundleFigures,
  level: LevelName,
  figures: LevelFigures,
  data: Evaluation['data'],
): Html {
  const { sequence, cnn } = figures.weightedLogLoss;
  return html`<h3>${LEVEL_NAMES[level].charAt(0).toUpperCase()}${LEVEL_NAMES[level].slice(1)}: ${figures.cases.toLocaleString('en')} of ${units(figures.patients, data)}</h3>
<p>Weighted log loss of the RSNA challenge: ${figure(sequence)}; CNN alone ${figure(cnn)}.</p>
${scoreTable(figures)}
${setsInOrder(thresholds).map((set) => decisionTable(figures, set))}`;
}

function scoreTable({ classes }: LevelFigures): Html {
  return html`<div class="scroll"><table><caption>Scores of the sequence model, and below of the CNN alone.</caption>
<thead><tr><th>Class</th><th>positive</th><th class="text">model</th><th>AUC</th><td></td><th>average precision</th><th>log loss</th><th>Brier</th><th>calibration error</th></tr></thead><tbody>
${FINDING_CLASSES.map((name) => {
  const { positives, sequence, cnn } = classes[name];
  return [
    html`<tr${main(name)}><th>${findingName(name)}</th><td>${positives}</td>${scoreCells('sequence', sequence)}</tr>`,
    html`<tr class="beside"><td></td><td></td>${scoreCells('CNN alone', cnn)}</tr>`,
  ];
})}</tbody></table></div>`;
}

const main = (name: FindingClass): Html | false => name === 'any' && html` class="main"`;

const scoreCells = (model: string, { auc, averagePrecision, logLoss, brier, calibrationError }: ScoreFigures): Html =>
  html`<td class="text">${model}</td><td>${figure(auc)}</td><td>${intervalBar(auc)}</td>${[averagePrecision, logLoss, brier, calibrationError].map(({ value }) => html`<td>${decimal(value)}</td>`)}`;

function decisionTable({ classes }: LevelFigures, set: string): Html {
  return html`<div class="scroll"><table><caption>Decisions at the thresholds “${setName(set)}”, as production decides: a kind counts only where any hemorrhage is. Found and missed of the positive, falsely called and rightly clear of the others. Below, the CNN alone at the same thresholds, which were not chosen for it.</caption>
<thead><tr><th>Class</th><th>from</th><th class="text">model</th><th>AUC</th><th>sensitivity</th><th>specificity</th><th>accuracy</th><th>found</th><th>missed</th><th>false</th><th>clear</th></tr></thead><tbody>
${FINDING_CLASSES.map((name) => {
  const { decisions, cnnDecisions, sequence, cnn } = classes[name];
  return [
    html`<tr${main(name)}><th>${findingName(name)}</th><td>${decimal(decisions[set]!.threshold)}</td>${decisionCells('sequence', sequence, decisions[set]!)}</tr>`,
    html`<tr class="beside"><td></td><td></td>${decisionCells('CNN alone', cnn, cnnDecisions[set]!)}</tr>`,
  ];
})}</tbody></table></div>`;
}

function decisionCells(
  model: string,
  { auc }: ScoreFigures,
  { sensitivity, specificity, accuracy, confusion }: DecisionFigures,
): Html {
  const { truePositive, falseNegative, falsePositive, trueNegative } = confusion;
  return html`<td class="text">${model}</td><td>${decimal(auc.value)}</td>${[sensitivity, specificity, accuracy].map((one) => html`<td>${figure(one)}</td>`)}${[truePositive, falseNegative, falsePositive, trueNegative].map((cases) => html`<td>${cases.toLocaleString('en')}</td>`)}`;
}
