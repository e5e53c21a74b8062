/** ROC, precision-recall and calibration of any hemorrhage; ROC of the subtypes. */
import { FINDING_CLASSES } from '@ichor/shared/study';
import type { Evaluation } from '../evaluation.ts';
import type { BundleFigures } from '../figures/bundleFigures.ts';
import { LEVELS, type LevelName } from '../figures/cases.ts';
import type { ClassFigures, LevelFigures } from '../figures/levelFigures.ts';
import type { Point } from '../metrics/ranking.ts';
import { decimal, withInterval } from '../numbers.ts';
import { chart, type Layer } from './chart.ts';
import { type Html, html } from './html.ts';
import { findingName, LEVEL_NAMES, setName, units } from './words.ts';

export function curveSection(bundle: BundleFigures, data: Evaluation['data']): Html {
  return html`<h2>How well the scores separate, and what they mean</h2>
<p><span class="key"></span>sequence model, on which Ichor decides, with its 95 % band · <span class="key cnn"></span>CNN alone, slice by slice. Dots mark the thresholds of the bundle.</p>
${LEVELS.map((level) => {
  const figures = bundle[level];
  return (
    figures !== null &&
    html`<h3>Any hemorrhage, ${LEVEL_NAMES[level]}</h3><div class="charts">${anyCharts(figures, level)}</div>`
  );
})}
${subtypeCharts(bundle, data)}`;
}

function anyCharts(figures: LevelFigures, level: LevelName): Html[] {
  const any = figures.classes.any;
  const { sequence, cnn } = any;
  return [
    rocFigure(any, level),
    precisionFigure(any, figures, level),
    html`<figure>${reliabilityChart(any, figures.cases, level)}<figcaption>Calibration. Expected error ${withInterval(sequence.calibrationError)}, Brier score ${withInterval(sequence.brier)}; CNN alone ${decimal(cnn.calibrationError.value)} and ${decimal(cnn.brier.value)}. Bars: share of the ${LEVEL_NAMES[level]}.</figcaption></figure>`,
  ];
}

function rocFigure({ sequence, cnn, curves, decisions }: ClassFigures, level: LevelName): Html {
  const marks = Object.entries(decisions).map(([set, { specificity, sensitivity }]): Layer[] =>
    specificity.value === null || sensitivity.value === null
      ? []
      : [
          {
            kind: 'point',
            at: [1 - specificity.value, sensitivity.value],
            low: null,
            high: null,
            ink: 'sequence',
            label: setName(set),
          },
        ],
  );
  const drawn = chart({
    description: `ROC of ${LEVEL_NAMES[level]}: AUC ${withInterval(sequence.auc)}`,
    xLabel: '1 − specificity',
    yLabel: 'sensitivity',
    layers: [
      DIAGONAL,
      { kind: 'band', band: curves.sequence.roc.band, ink: 'sequence' },
      { kind: 'line', points: curves.cnn.roc.points, ink: 'cnn', dashed: true },
      { kind: 'line', points: curves.sequence.roc.points, ink: 'sequence' },
      ...withoutNamesakes(marks.flat()),
    ],
  });
  return html`<figure>${drawn}<figcaption>ROC. AUC ${withInterval(sequence.auc)}; CNN alone ${withInterval(cnn.auc)}.</figcaption></figure>`;
}

/** Sets that decide alike share one dot and its label. */
function withoutNamesakes(marks: readonly Layer[]): Layer[] {
  const byPlace = new Map<string, Extract<Layer, { kind: 'point' }>>();
  for (const mark of marks) {
    if (mark.kind !== 'point') continue;
    const former = byPlace.get(mark.at.join());
    byPlace.set(mark.at.join(), former === undefined ? mark : { ...mark, label: `${former.label}, ${mark.label}` });
  }
  return [...byPlace.values()];
}

function precisionFigure(
  { sequence, cnn, curves, positives }: ClassFigures,
  { cases }: LevelFigures,
  level: LevelName,
): Html {
  const prevalence = cases === 0 ? 0 : positives / cases;
  const drawn = chart({
    description: `Precision and recall of ${LEVEL_NAMES[level]}: average precision ${withInterval(sequence.averagePrecision)}`,
    xLabel: 'recall (sensitivity)',
    yLabel: 'precision (PPV in these data)',
    layers: [
      horizontal(prevalence),
      { kind: 'band', band: curves.sequence.precisionRecall.band, ink: 'sequence' },
      { kind: 'line', points: curves.cnn.precisionRecall.points, ink: 'cnn', dashed: true },
      { kind: 'line', points: curves.sequence.precisionRecall.points, ink: 'sequence' },
    ],
  });
  return html`<figure>${drawn}<figcaption>Precision and recall. Average precision ${withInterval(sequence.averagePrecision)}; CNN alone ${decimal(cnn.averagePrecision.value)}. Grey line: prevalence here, ${decimal(prevalence, 2)}.</figcaption></figure>`;
}

function reliabilityChart({ reliability }: ClassFigures, cases: number, level: LevelName): Html {
  return chart({
    description: `Calibration of ${LEVEL_NAMES[level]}: observed share by predicted probability`,
    xLabel: 'predicted probability',
    yLabel: 'observed share',
    layers: [
      ...reliability.map((bin): Layer => ({ kind: 'bar', from: bin.from, to: bin.to, height: bin.cases / cases })),
      DIAGONAL,
      ...reliability.map(
        ({ predicted, observed }): Layer => ({
          kind: 'point',
          at: [predicted, observed.value ?? 0],
          low: observed.low,
          high: observed.high,
          ink: 'sequence',
        }),
      ),
    ],
  });
}

const horizontal = (height: number): Layer =>
  line([
    [0, height],
    [1, height],
  ]);
const line = (points: readonly Point[]): Layer => ({ kind: 'line', points, ink: 'grey', dashed: true });
const DIAGONAL: Layer = line([
  [0, 0],
  [1, 1],
]);

function subtypeCharts({ scan, slice }: BundleFigures, data: Evaluation['data']): Html {
  const [figures, level]: [LevelFigures, LevelName] = slice === null ? [scan, 'scan'] : [slice, 'slice'];
  const subtypes = FINDING_CLASSES.filter((name) => name !== 'any');
  return html`<h3>ROC of the subtypes, ${LEVEL_NAMES[level]}</h3><div class="charts small">${subtypes.map((name) => {
    const { curves, sequence, positives, positivePatients } = figures.classes[name];
    const drawn = chart({
      description: `ROC of ${name}: AUC ${withInterval(sequence.auc)}`,
      xLabel: '',
      yLabel: '',
      small: true,
      layers: [
        DIAGONAL,
        { kind: 'line', points: curves.cnn.roc.points, ink: 'cnn', dashed: true },
        { kind: 'line', points: curves.sequence.roc.points, ink: 'sequence' },
      ],
    });
    return html`<figure>${drawn}<figcaption><strong>${findingName(name)}</strong><br>AUC ${withInterval(sequence.auc)}<br>${positives} ${LEVEL_NAMES[level]} of ${units(positivePatients, data)}</figcaption></figure>`;
  })}</div>`;
}
