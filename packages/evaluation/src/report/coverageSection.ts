/** What was not analysed and why: never counted as negative, and never left out of sight. */
import { FINDING_CLASSES } from '@ichor/shared/study';
import type { BundleFigures } from '../figures/bundleFigures.ts';
import { count, share, withInterval } from '../numbers.ts';
import { type Html, html } from './html.ts';

/** Studies named on the page; all are in metrics.json. */
const LISTED = 50;

export function coverageSection({ coverage, scan }: BundleFigures): Html {
  const { studies, analysed, reasons, notAnalysed, slicesElsewhere, slicesWithoutLabel } = coverage;
  const asides = [
    ...(slicesElsewhere > 0
      ? [`${count(slicesElsewhere, 'labelled slice')} lie in series that were not chosen for analysis.`]
      : []),
    ...(slicesWithoutLabel > 0 ? [`${count(slicesWithoutLabel, 'analysed slice')} have no label.`] : []),
  ];
  return html`<h2>Coverage</h2>
<p>${share(analysed, studies)} labelled studies were analysed. ${notAnalysed.length > 0 && html`The others are in no figure above except the worst case; with them counted as wrong, the AUC per scan for any hemorrhage is ${withInterval(scan.classes.any.worstCaseAuc)}.`} ${asides.join(' ')}</p>
${
  notAnalysed.length > 0 &&
  html`<div class="scroll"><table><thead><tr><th class="text">Reason</th><th>studies</th></tr></thead><tbody>${reasons.map(
    ({ code, sentence, studies: many }) =>
      html`<tr><td class="text">${sentence} <code>${code}</code></td><td>${many}</td></tr>`,
  )}</tbody></table></div>
<div class="scroll"><table><caption>${notAnalysed.length > LISTED ? `The first ${LISTED}; all are in metrics.json.` : 'Study by study.'}</caption><thead><tr><th>Study</th><th class="text">labelled</th><th class="text">reason</th></tr></thead><tbody>${notAnalysed
    .slice(0, LISTED)
    .map(
      ({ studyInstanceUid, code, detail, truth }) =>
        html`<tr><td class="uid">${studyInstanceUid}</td><td class="text">${labelOf(truth)}</td><td class="text">${code}${detail !== null && html` (${detail})`}</td></tr>`,
    )}</tbody></table></div>`
}`;
}

function labelOf(truth: readonly number[]): string {
  const names = FINDING_CLASSES.filter((name, index) => name !== 'any' && truth[index] === 1);
  if (truth[FINDING_CLASSES.indexOf('any')] !== 1) return 'no hemorrhage';
  return names.join(', ') || 'hemorrhage';
}
