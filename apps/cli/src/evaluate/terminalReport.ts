/** The evaluation as aligned tables for a terminal or a file. */

import type { Evaluation } from '@ichor/evaluation/evaluation';
import type { BundleFigures } from '@ichor/evaluation/figures/bundleFigures';
import { LEVELS, type LevelName } from '@ichor/evaluation/figures/cases';
import type { ComparedFigure } from '@ichor/evaluation/figures/comparison';
import type { LevelFigures } from '@ichor/evaluation/figures/levelFigures';
import { bundleName, count, decimal, difference, seconds, share, withInterval } from '@ichor/evaluation/numbers';
import { leftovers } from '@ichor/evaluation/report/words';
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
  const { studies, patients, labels } = data;
  return [
    `${count(studies, 'labelled study', 'labelled studies')} of ${count(patients, 'patient')} (${data.patientFrom}), ${count(labels, 'label')}`,
    ...leftovers(data).map((line) => `  ${line}`),
  ];
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
    paint(terminal, 'bold', `Per ${level}: ${figures.cases} of ${count(figures.patients, 'patient')}`),
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
        const { threshold, sensitivity, specificity, accuracy, confusion } = figures.classes[name].decisions[set]!;
        const { truePositive, falseNegative, falsePositive, trueNegative } = confusion;
        return [
          name,
          decimal(threshold),
          withInterval(sensitivity),
          withInterval(specificity),
          withInterval(accuracy),
          ...[truePositive, falseNegative, falsePositive, trueNegative].map(String),
        ];
      }),
    ]),
    ...(figures.notAnalysed > 0 ? [worst] : []),
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

function readerLines(terminal: Terminal, { readers }: Evaluation): string[] {
  if (readers.length === 0) return [];
  const heads = [
    'reader',
    'level',
    'class',
    'cases',
    'sensitivity',
    'model',
    'specificity',
    'model',
    'kappa',
    'model',
    'with model',
  ];
  return [
    '',
    paint(terminal, 'bold', 'Readers, and the model on the same cases'),
    ...table([
      heads.map((head) => dim(terminal, head)),
      ...readers.map(({ reader, level, finding, cases, readerFigures, modelFigures, kappaWithModel }) => [
        reader,
        level,
        finding,
        String(cases),
        withInterval(readerFigures.sensitivity, 2),
        withInterval(modelFigures.sensitivity, 2),
        withInterval(readerFigures.specificity, 2),
        withInterval(modelFigures.specificity, 2),
        decimal(readerFigures.kappa.value, 2),
        decimal(modelFigures.kappa.value, 2),
        withInterval(kappaWithModel, 2),
      ]),
    ]),
  ];
}

function footnotes({ bootstrap, notice }: Evaluation): string[] {
  return [
    `In brackets: 95 % intervals, bootstrap by patient (${bootstrap.replicates} replicates, seed ${bootstrap.seed}); † by Wilson's formula, for shares of exactly 0 or 1.`,
    notice,
  ];
}

const dim = (terminal: Terminal, text: string): string => paint(terminal, 'dim', text);
