/** What the bundle decides at its thresholds: confusion tables, the worst case, predictive values. */
import type { BundleFigures } from '../figures/bundleFigures.ts';
import type { DecisionFigures } from '../figures/levelFigures.ts';
import { decimal } from '../numbers.ts';
import { GIVEN_SET } from '../openBundles.ts';
import { type Html, html } from './html.ts';
import { figure } from './intervalBar.ts';
import { setName, setsInOrder } from './words.ts';

export function decisionSection(bundle: BundleFigures): Html {
  const { thresholds, scan } = bundle;
  return html`<h2>Decisions per scan: any hemorrhage</h2>
<p>A scan is flagged when the highest probability among its slices reaches the threshold. ${setsSentence(thresholds)}</p>
<div class="sets">${setsInOrder(thresholds).map((set) => decisionBox(setName(set), scan.classes.any.decisions[set]!, scan.notAnalysed))}</div>
${predictiveTable(bundle)}`;
}

function setsSentence({ sets, default: standard }: BundleFigures['thresholds']): string {
  const own = Object.keys(sets).filter((set) => set !== GIVEN_SET).length;
  const setsText = `The bundle names ${own === 1 ? 'one set of thresholds' : `${own} sets of thresholds`}`;
  if (standard === GIVEN_SET)
    return `${setsText}; “${setName(GIVEN_SET)}” is what was asked for here, and stands for the default below.`;
  return `${setsText}; “${setName(standard)}” is the default.`;
}

function decisionBox(name: string, decision: DecisionFigures, notAnalysed: number): Html {
  const { truePositive, falseNegative, falsePositive, trueNegative } = decision.confusion;
  const { worstCase } = decision;
  return html`<div class="set"><h3>${name}, from ${decimal(decision.threshold)}</h3>
<table class="confusion"><thead><tr><td></td><th>flagged</th><th>clear</th></tr></thead><tbody>
<tr><th>hemorrhage</th><td>${truePositive}<small>found</small></td><td${falseNegative > 0 && html` class="wrong"`}>${falseNegative}<small>missed</small></td></tr>
<tr><th>no hemorrhage</th><td${falsePositive > 0 && html` class="wrong"`}>${falsePositive}<small>false alarm</small></td><td>${trueNegative}<small>rightly clear</small></td></tr>
</tbody></table>
<dl class="facts"><dt>Sensitivity</dt><dd>${figure(decision.sensitivity)}</dd><dt>Specificity</dt><dd>${figure(decision.specificity)}</dd><dt>Accuracy</dt><dd>${figure(decision.accuracy)}</dd></dl>
${
  notAnalysed > 0 &&
  html`<p class="note">Worst case, with the ${notAnalysed} not analysed counted as missed or as false alarm: sensitivity ${figure(worstCase.sensitivity)}, specificity ${figure(worstCase.specificity)}.</p>`
}</div>`;
}

function predictiveTable({ predictiveValues, thresholds }: BundleFigures): Html {
  const sets = setsInOrder(thresholds);
  const [first] = sets;
  return html`<h3>What a flag means in practice</h3>
<p>In a labelled collection hemorrhage is more frequent than in a reading room. These are the shares of flagged scans that show a hemorrhage (PPV) and of clear scans that do not (NPV), at sensitivity and specificity as above.</p>
<div class="scroll"><table><thead><tr><th>Prevalence</th>${sets.map((set) => html`<th>PPV, ${setName(set)}</th><th>NPV, ${setName(set)}</th>`)}</tr></thead><tbody>
${predictiveValues[first!]!.map(
  ({ prevalence }, row) =>
    html`<tr><th>${Math.round(prevalence * 100)} %</th>${sets.map((set) => {
      const { ppv, npv } = predictiveValues[set]![row]!;
      return html`<td>${figure(ppv)}</td><td>${figure(npv)}</td>`;
    })}</tr>`,
)}</tbody></table></div>`;
}
