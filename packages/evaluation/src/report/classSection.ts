/** Every class at every level: the paper's Table 3 with intervals. */
import { FINDING_CLASSES } from '@ichor/shared/study';
import type { BundleFigures } from '../figures/bundleFigures.ts';
import { LEVELS, type LevelName } from '../figures/cases.ts';
import type { LevelFigures } from '../figures/levelFigures.ts';
import { decimal } from '../numbers.ts';
import { type Html, html } from './html.ts';
import { figure, intervalBar } from './intervalBar.ts';
import { findingName, LEVEL_NAMES, setName, setsInOrder } from './words.ts';

export function classSection(bundle: BundleFigures): Html {
  return html`<h2>Every class</h2>
${LEVELS.map((level) => {
  const figures = bundle[level];
  return figures !== null && levelTables(bundle, level, figures);
})}`;
}

function levelTables({ thresholds }: BundleFigures, level: LevelName, figures: LevelFigures): Html {
  const { sequence, cnn } = figures.weightedLogLoss;
  return html`<h3>${LEVEL_NAMES[level].charAt(0).toUpperCase()}${LEVEL_NAMES[level].slice(1)}: ${figures.cases.toLocaleString('en')} of ${figures.patients} patients</h3>
<p>Weighted log loss of the RSNA challenge: ${figure(sequence)}; CNN alone ${figure(cnn)}.</p>
${scoreTable(figures)}
${setsInOrder(thresholds).map((set) => decisionTable(figures, set))}`;
}

function scoreTable({ classes }: LevelFigures): Html {
  return html`<div class="scroll"><table><caption>Scores, sequence model; the CNN alone in the columns named so.</caption>
<thead><tr><th>Class</th><th>positive</th><th>AUC</th><td></td><th>AUC, CNN alone</th><th>average precision</th><th>log loss</th><th>Brier</th><th>calibration error</th></tr></thead><tbody>
${FINDING_CLASSES.map((name) => {
  const { positives, sequence, cnn } = classes[name];
  return html`<tr${name === 'any' && html` class="main"`}><th>${findingName(name)}</th><td>${positives}</td><td>${figure(sequence.auc)}</td><td>${intervalBar(sequence.auc)}</td><td>${figure(cnn.auc)}</td><td>${decimal(sequence.averagePrecision.value)}</td><td>${decimal(sequence.logLoss.value)}</td><td>${decimal(sequence.brier.value)}</td><td>${decimal(sequence.calibrationError.value)}</td></tr>`;
})}</tbody></table></div>`;
}

function decisionTable({ classes }: LevelFigures, set: string): Html {
  return html`<div class="scroll"><table><caption>Decisions at the thresholds “${setName(set)}”.</caption>
<thead><tr><th>Class</th><th>from</th><th>sensitivity</th><th>specificity</th><th>accuracy</th><th>found</th><th>missed</th><th>false alarms</th><th>rightly clear</th></tr></thead><tbody>
${FINDING_CLASSES.map((name) => {
  const { threshold, sensitivity, specificity, accuracy, confusion } = classes[name].decisions[set]!;
  const { truePositive, falseNegative, falsePositive, trueNegative } = confusion;
  return html`<tr${name === 'any' && html` class="main"`}><th>${findingName(name)}</th><td>${decimal(threshold)}</td><td>${figure(sensitivity)}</td><td>${figure(specificity)}</td><td>${figure(accuracy)}</td>${[truePositive, falseNegative, falsePositive, trueNegative].map((cases) => html`<td>${cases.toLocaleString('en')}</td>`)}</tr>`;
})}</tbody></table></div>`;
}
