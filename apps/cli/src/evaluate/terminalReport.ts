/** The evaluation as aligned tables for a terminal or a file. */

import type { Evaluation } from '@ichor/evaluation/evaluation';
import type { BundleFigures } from '@ichor/evaluation/figures/bundleFigures';
import { LEVELS, type LevelName } from '@ichor/evaluation/figures/cases';
import type { ComparedFigure, ComparedRate } from '@ichor/evaluation/figures/comparison';
import type { DecisionFigures, LevelFigures } from '@ichor/evaluation/figures/levelFigures';
import type { JudgeFigures } from '@ichor/evaluation/figures/readers';
import {
  bundleName,
  count,
  decimal,
  difference,
  probability,
  seconds,
  share,
  withInterval,
} from '@ichor/evaluation/numbers';
import { leftovers, whoWasStudied } from '@ichor/evaluation/report/words';
import { FINDING_CLASSES } from '@ichor/shared/study';
import { paint, type Terminal, table } from '../terminal.ts';

/** Lines of text; colours only where the terminal has them. */
export function terminalReport(terminal: Terminal, evaluation: Evaluation): string[] {
  return [
    ...dataLines(evaluation),
    ...evaluation.bundles.flatMap((bundle) => ['', ...bundleLines(terminal, bundle)]),
    ...comparisonLines(terminal, evaluation),
    ...readerLines(terminal, evaluation),
    '',
    ...footnotes(evaluation),
  ];
}

function dataLines({ data }: Evaluation): string[] {
  return [`${whoWasStudied(data)}, ${count(data.labels, 'label')}`, ...leftovers(data).map((line) => `  ${line}`)];
}

function bundleLines(terminal: Terminal, bundle: BundleFigures): string[] {
  const { coverage, time } = bundle;
  return [
    paint(terminal, 'bold', bundleName(bundle.identity)),
    `analysed ${share(coverage.analysed, coverage.studies)}; time per study: median ${seconds(time.medianMs)}, 95 % within ${seconds(time.p95Ms)}`,
    ...table(coverage.reasons.map(({ code, sentence, studies }) => [`  ${studies}`, code, sentence])),
    ...LEVELS.flatMap((level) => (bundle[level] === null ? [] : levelLines(terminal, bundle, level, bundle[level]))),
    ...predictiveLines(terminal, bundle),
  ];
}

function levelLines(terminal: Terminal, bundle: BundleFigures, level: LevelName, figures: LevelFigures): string[] {
  const { sequence, cnn } = figures.weightedLogLoss;
  return [
    '',
    paint(terminal, 'bold', `Per ${level}: ${figures.cases}`),
    `weighted log loss ${withInterval(sequence)}, CNN alone ${withInterval(cnn)}`,
    ...table([
      ['class', 'positive', 'AUC', 'AUC CNN alone', 'AP', 'log loss', 'Brier', 'ECE'].map((head) =>
        dim(terminal, head),
      ),
      ...FINDING_CLASSES.map((name) => {
        const { positives, sequence: own, cnn: alone } = figures.classes[name];
        return [
          name,
          String(positives),
          withInterval(own.auc),
          decimal(alone.auc.value),
          decimal(own.averagePrecision.value),
          decimal(own.logLoss.value),
          decimal(own.brier.value),
          decimal(own.calibrationError.value),
        ];
      }),
    ]),
    ...Object.keys(bundle.thresholds.sets).flatMap((set) => ['', ...decisionLines(terminal, bundle, figures, set)]),
  ];
}

function decisionLines(
  terminal: Terminal,
  { thresholds }: BundleFigures,
  figures: LevelFigures,
  set: string,
): string[] {
  const any = figures.classes.any.decisions[set]!;
  const worst = `  any, what was not analysed counted as wrong: sensitivity ${withInterval(any.worstCase.sensitivity)}, specificity ${withInterval(any.worstCase.specificity)}`;
  return [
    `thresholds "${set}"${set === thresholds.default ? ' (default)' : ''}`,
    ...table([
      ['class', 'from', 'sensitivity', 'specificity', 'accuracy', 'TP', 'FN', 'FP', 'TN'].map((head) =>
        dim(terminal, head),
      ),
      ...FINDING_CLASSES.map((name) => {
        const { decisions } = figures.classes[name];
        return [name, decimal(decisions[set]!.threshold), ...decisionCells(decisions[set]!)];
      }),
    ]),
    ...(figures.notAnalysed > 0 ? [worst] : []),
    ...(set === thresholds.default ? cnnLines(terminal, figures, set) : []),
  ];
}

/** The CNN alone, with all columns that the paper's Table 3 has. */
function cnnLines(terminal: Terminal, { classes }: LevelFigures, set: string): string[] {
  return [
    'CNN alone at the same thresholds, which were not chosen for it',
    ...table([
      ['class', 'AUC', 'sensitivity', 'specificity', 'accuracy', 'TP', 'FN', 'FP', 'TN'].map((head) =>
        dim(terminal, head),
      ),
      ...FINDING_CLASSES.map((name) => [
        name,
        decimal(classes[name].cnn.auc.value),
        ...decisionCells(classes[name].cnnDecisions[set]!),
      ]),
    ]),
  ];
}

function decisionCells({ sensitivity, specificity, accuracy, confusion }: DecisionFigures): string[] {
  const { truePositive, falseNegative, falsePositive, trueNegative } = confusion;
  return [
    ...[sensitivity, specificity, accuracy].map((one) => withInterval(one)),
    ...[truePositive, falseNegative, falsePositive, trueNegative].map(String),
  ];
}

function predictiveLines(terminal: Terminal, { predictiveValues }: BundleFigures): string[] {
  return [
    '',
    paint(terminal, 'bold', 'Predictive values per scan, any hemorrhage'),
    ...table([
      ['thresholds', 'prevalence', 'PPV', 'NPV'].map((head) => dim(terminal, head)),
      ...Object.entries(predictiveValues).flatMap(([set, rows]) =>
        rows.map(({ prevalence, ppv, npv }) => [set, `${prevalence * 100} %`, withInterval(ppv), withInterval(npv)]),
      ),
    ]),
  ];
}

function comparisonLines(terminal: Terminal, { comparisons }: Evaluation): string[] {
  return comparisons.flatMap((comparison) => [
    '',
    paint(terminal, 'bold', `${bundleName(comparison.other)} against ${bundleName(comparison.first)}`),
    ...LEVELS.flatMap((level) => {
      const compared = comparison[level];
      if (compared === null) return [];
      return table([
        [`per ${level}, ${compared.cases} in both`, 'first', 'other', 'difference'].map((head) => dim(terminal, head)),
        ...FINDING_CLASSES.map((name) => comparedRow(`AUC ${name}`, compared.auc[name])),
        comparedRow('weighted log loss', compared.weightedLogLoss),
        [],
        ['McNemar', 'first', 'other', 'difference', 'only first right', 'only other right', 'p'].map((head) =>
          dim(terminal, head),
        ),
        ...FINDING_CLASSES.flatMap((name) => [
          rateRow(`sensitivity ${name}`, compared.sensitivity[name]),
          rateRow(`specificity ${name}`, compared.specificity[name]),
        ]),
      ]);
    }),
  ]);
}

const comparedRow = (what: string, figure: ComparedFigure): string[] => [
  what,
  decimal(figure.first.value),
  decimal(figure.other.value),
  difference(figure.difference),
];

const rateRow = (what: string, figure: ComparedRate): string[] => [
  ...comparedRow(what, figure),
  String(figure.mcNemar.onlyFirst),
  String(figure.mcNemar.onlyOther),
  probability(figure.mcNemar.p),
];

function readerLines(terminal: Terminal, { readers }: Evaluation): string[] {
  if (readers.length === 0) return [];
  const heads = ['class', 'level', 'cases', 'judge', 'AUC', 'sensitivity', 'specificity', 'accuracy', 'kappa'];
  return [
    '',
    paint(terminal, 'bold', 'Readers, and the model and its CNN alone on the same cases'),
    ...table([
      [...heads, 'kappa with reader'].map((head) => dim(terminal, head)),
      ...readers.flatMap(({ reader, level, finding, cases, readerFigures, ...beside }) => [
        [finding, level, String(cases), reader, ...judgeCells(readerFigures)],
        ['', '', '', 'model', ...judgeCells(beside.modelFigures), withInterval(beside.kappaWithModel, 2)],
        ['', '', '', 'CNN alone', ...judgeCells(beside.cnnFigures), withInterval(beside.kappaWithCnn, 2)],
      ]),
    ]),
  ];
}

const judgeCells = ({ auc, sensitivity, specificity, accuracy, kappa }: JudgeFigures): string[] => [
  ...[auc, sensitivity, specificity, accuracy].map((one) => withInterval(one, 2)),
  decimal(kappa.value, 2),
];

function footnotes({ bootstrap, notice }: Evaluation): string[] {
  return [
    `In brackets: 95 % intervals, bootstrap (${bootstrap.replicates} replicates of the ${bootstrap.resampled}, seed ${bootstrap.seed}); † by Wilson's formula, for shares of exactly 0 or 1.`,
    notice,
  ];
}

const dim = (terminal: Terminal, text: string): string => paint(terminal, 'dim', text);
