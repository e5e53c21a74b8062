/** How the figures are made, for whoever has to trust them. */
import type { Evaluation } from '../evaluation.ts';
import { type Html, html } from './html.ts';

export function methodSection({ bootstrap, data, notice }: Pick<Evaluation, 'bootstrap' | 'data' | 'notice'>): Html {
  const rows: [string, string][] = [
    [
      'Path',
      'Every study goes through the analysis that production runs: series selection, Hounsfield units, CNN, sequence model, calibration.',
    ],
    [
      'Scores',
      'Calibrated probabilities of the sequence model; per scan and class the maximum over its slices. A scan is labelled as its row says, or positive when one of its labelled slices is. “CNN alone” is the CNN’s own probability of the same slices, uncalibrated.',
    ],
    [
      'Intervals',
      `95 %, percentile bootstrap with ${bootstrap.replicates} replicates (seed ${bootstrap.seed}). ${resampled(data)} No interval is given where fewer than 80 % of the replicates define the figure or all agree. † Wilson’s formula over the ${bootstrap.resampled} concerned, for shares of exactly 0 or 1; predictive values that rest on such a share are bounded by the bounds of sensitivity and specificity.`,
    ],
    [
      'Decisions',
      'As in production: any hemorrhage is called from its threshold on, a kind from its own where any hemorrhage is called too. A slice is decided by the same rule as if it were the whole scan.',
    ],
    [
      'Weighted log loss',
      'RSNA 2019 challenge: mean over cases of the six classes’ log losses, any hemorrhage counting twice, divided by 7; probabilities clipped to 1e−15.',
    ],
    [
      'McNemar',
      'The cases that only one of two bundles judged rightly; p is exact and two-sided (binomial with one half) and takes cases for independent.',
    ],
    ['AUC', 'Chance that a positive case scores above a negative one, ties counting half.'],
    ['Average precision', 'Precision at each score, weighted by the recall that it adds, without interpolation.'],
    ['Calibration error', 'Mean over cases of |observed share − mean probability| in ten bins of equal width.'],
    [
      'Worst case',
      'What was not analysed counts as missed when it is labelled positive and as false alarm when it is not.',
    ],
    [
      'Predictive values',
      'Bayes’ rule from sensitivity and specificity; independent of how frequent hemorrhage is in these data.',
    ],
  ];
  return html`<h2>How these figures are made</h2>
<dl class="facts">${rows.map(([name, text]) => html`<dt>${name}</dt><dd>${text}</dd>`)}</dl>
<p class="notice">${notice}</p>`;
}

/** What one draw is: said as it is, for studies of one patient are no independent cases. */
function resampled({ patientFrom }: Evaluation['data']): string {
  if (patientFrom === 'study')
    return 'Studies are drawn, each with all its slices: neither the labels nor a Patient ID says which studies are of one patient, and where a patient has several the intervals are too narrow.';
  return `Patients are drawn, told apart by ${patientFrom}, each with all slices and scans.`;
}
