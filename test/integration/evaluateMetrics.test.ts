/** The figures of `ichor evaluate` beside those of scikit-learn, statsmodels and numpy on the same cases. */

import { drawPatients, estimate, wilsonInterval } from '@ichor/evaluation/metrics/bootstrap';
import { calibrationErrorStatistic } from '@ichor/evaluation/metrics/calibration';
import { kappaStatistic } from '@ichor/evaluation/metrics/kappa';
import { brierScore, meanLogLoss, weightedLogLoss } from '@ichor/evaluation/metrics/losses';
import { mcNemar } from '@ichor/evaluation/metrics/mcnemar';
import { aucStatistic, averagePrecisionStatistic, rank, rocCurve } from '@ichor/evaluation/metrics/ranking';
import { confusionAt, sensitivityAt, specificityAt } from '@ichor/evaluation/metrics/rates';
import { ratioStatistic } from '@ichor/evaluation/metrics/ratio';
import { onePerPatient, type Scored } from '@ichor/evaluation/metrics/scored';
import { FINDING_CLASSES } from '@ichor/shared/study';
import { expect, test } from '@jest/globals';
import { runPython } from '../support/python.ts';

const PROGRAM = `
import json, sys
import numpy as np
from sklearn.metrics import (average_precision_score, brier_score_loss, cohen_kappa_score, log_loss, roc_auc_score, roc_curve)
rng = np.random.default_rng(int(sys.argv[1]))
cases, patients = 400, 23
patient = rng.integers(0, patients, cases)
truth = (rng.random((cases, 6)) < 0.3).astype(int)
score = np.clip(np.round(0.35 * truth + 0.6 * rng.random((cases, 6)), 2), 0, 1)
score[:5] = [[0, 1, 0, 1, 0, 1]] * 5
def ece(t, s):
    bins = np.minimum(9, np.floor(s * 10)).astype(int)
    return sum(abs(t[bins == b].sum() - s[bins == b].sum()) for b in range(10)) / len(t)
def clipped(s): return np.clip(s, 1e-15, 1 - 1e-15)
weights = np.array([1, 1, 1, 1, 1, 2])
per_case = -(truth * np.log(clipped(score)) + (1 - truth) * np.log(clipped(1 - score)))
rounds = []
for _ in range(2000):
    drawn = np.bincount(rng.integers(0, patients, patients), minlength=patients)[patient]
    rounds.append(roc_auc_score(truth[:, 5], score[:, 5], sample_weight=drawn))
fpr, tpr, _ = roc_curve(truth[:, 5], score[:, 5], drop_intermediate=False)
print(json.dumps({
  "patient": patient.tolist(), "truth": truth.tolist(), "score": score.tolist(),
  "auc": [roc_auc_score(truth[:, c], score[:, c]) for c in range(6)],
  "averagePrecision": [average_precision_score(truth[:, c], score[:, c]) for c in range(6)],
  "logLoss": per_case.mean(0).tolist(),
  "sklearnLogLoss": log_loss(truth[5:, 0], score[5:, 0]), "ownLogLoss": float(per_case[5:, 0].mean()),
  "weightedLogLoss": float((per_case @ weights / 7).mean()),
  "brier": [brier_score_loss(truth[:, c], score[:, c]) for c in range(6)],
  "calibrationError": [ece(truth[:, c], score[:, c]) for c in range(6)],
  "kappa": cohen_kappa_score(truth[:, 0], truth[:, 1]),
  "roc": np.stack([fpr, tpr], 1).tolist(),
  "interval": np.percentile(rounds, [2.5, 97.5]).tolist(),
}))`;

test.each([1, 2])('every metric agrees with scikit-learn and numpy (seed %i)', async (seed) => {
  const theirs = JSON.parse(await runPython(PROGRAM, [String(seed)]));
  const patients = 23;
  const perClass = FINDING_CLASSES.map(
    (_, index): Scored => ({
      truth: Uint8Array.from(theirs.truth, (row: number[]) => row[index]!),
      score: Float64Array.from(theirs.score, (row: number[]) => row[index]!),
      patient: Int32Array.from(theirs.patient),
      patients,
    }),
  );
  const all = onePerPatient(patients);
  for (const [index, one] of perClass.entries()) {
    expect(aucStatistic(rank(one))(all)).toBeCloseTo(theirs.auc[index], 12);
    expect(averagePrecisionStatistic(rank(one))(all)).toBeCloseTo(theirs.averagePrecision[index], 12);
    expect(ratioStatistic(meanLogLoss(one))(all)).toBeCloseTo(theirs.logLoss[index], 12);
    expect(ratioStatistic(brierScore(one))(all)).toBeCloseTo(theirs.brier[index], 12);
    expect(calibrationErrorStatistic(one)(all)).toBeCloseTo(theirs.calibrationError[index], 12);
  }
  expect(theirs.ownLogLoss).toBeCloseTo(theirs.sklearnLogLoss, 9);
  expect(ratioStatistic(weightedLogLoss(perClass))(all)).toBeCloseTo(theirs.weightedLogLoss, 12);
  const judged = { one: perClass[0]!.truth, other: perClass[1]!.truth, patient: perClass[0]!.patient, patients };
  expect(kappaStatistic(judged)(all)).toBeCloseTo(theirs.kappa, 12);
  expect(rocCurve(rank(perClass[5]!), all).flat().length).toBe(theirs.roc.flat().length);
  for (const [place, point] of rocCurve(rank(perClass[5]!), all).entries())
    for (const axis of [0, 1]) expect(point[axis]).toBeCloseTo(theirs.roc[place][axis], 12);
  const { low, high } = estimate(aucStatistic(rank(perClass[5]!)), drawPatients(patients, 2000, seed));
  expect(low).toBeCloseTo(theirs.interval[0], 1.7);
  expect(high).toBeCloseTo(theirs.interval[1], 1.7);
});

const JUDGED = `
import json, sys
import numpy as np
from sklearn.metrics import confusion_matrix, recall_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint
rng = np.random.default_rng(7)
out = []
for cases, one, other in ((40, 0.9, 0.7), (300, 0.8, 0.8), (300, 1, 1), (20000, 0.9, 0.6)):
    truth = rng.integers(0, 2, cases)
    first, second = (np.where(rng.random(cases) < right, truth, 1 - truth) for right in (one, other))
    count = lambda chosen: int(np.sum(chosen))
    def table(side):
        a, b = (first == truth)[truth == side], (second == truth)[truth == side]
        return np.array([[count(a & b), count(a & ~b)], [count(~a & b), count(~a & ~b)]])
    tables = [table(1), table(0)]
    joint = np.array([[count((first == a) & (second == b)) for b in (0, 1)] for a in (0, 1)])
    found = count(first[truth == 1])
    out.append({
      "truth": truth.tolist(), "first": first.tolist(), "second": second.tolist(),
      "counts": [[int(t[0, 1]), int(t[1, 0])] for t in tables], "p": [float(mcnemar(t, exact=True).pvalue) for t in tables],
      "kappa": float(cohens_kappa(joint).kappa), "found": found, "positives": int(truth.sum()),
      "wilson": [float(x) for x in proportion_confint(found, int(truth.sum()), method="wilson")],
      "confusion": confusion_matrix(truth, first).ravel().tolist(),
      "recalls": [recall_score(truth, first), recall_score(truth, first, pos_label=0)]})
print(json.dumps(out))`;

test("decisions, McNemar's counts and exact p, kappa and Wilson's interval agree with scikit-learn and statsmodels", async () => {
  for (const theirs of JSON.parse(await runPython(JUDGED))) {
    const cases: number = theirs.truth.length;
    const patient = Int32Array.from({ length: cases }, (_, index) => index);
    const [truth, score] = [Uint8Array.from(theirs.truth), Float64Array.from(theirs.first)];
    const one: Scored = { truth, score, patient, patients: cases };
    for (const [place, side] of [1, 0].entries()) {
      const chosen = [...patient].filter((index) => truth[index] === side);
      const right = (judge: number[]): boolean[] => chosen.map((index) => judge[index] === side);
      const { onlyFirst, onlyOther, p } = mcNemar(right(theirs.first), right(theirs.second));
      expect([onlyFirst, onlyOther]).toEqual(theirs.counts[place]);
      if (theirs.p[place] === 0) expect(p).toBeLessThan(1e-300);
      else expect(p / theirs.p[place]).toBeCloseTo(1, 8);
      const rate = side === 1 ? sensitivityAt(one, 0.5) : specificityAt(one, 0.5);
      expect(ratioStatistic(rate)(onePerPatient(cases))).toBeCloseTo(theirs.recalls[place], 12);
    }
    const { truePositive, falseNegative, falsePositive, trueNegative } = confusionAt(one, 0.5);
    expect([trueNegative, falsePositive, falseNegative, truePositive]).toEqual(theirs.confusion);
    const judged = {
      one: Uint8Array.from(theirs.first),
      other: Uint8Array.from(theirs.second),
      patient,
      patients: cases,
    };
    expect(kappaStatistic(judged)(onePerPatient(cases))).toBeCloseTo(theirs.kappa, 12);
    const { low, high } = wilsonInterval(theirs.found / theirs.positives, theirs.positives);
    expect(low).toBeCloseTo(theirs.wilson[0], 12);
    expect(high).toBeCloseTo(theirs.wilson[1], 12);
  }
});
