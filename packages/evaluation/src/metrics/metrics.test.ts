import { FINDING_CLASSES } from '@ichor/shared/study';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { heightsAt } from './bands.ts';
import { drawPatients, estimate, estimateShare, quantile, wilsonInterval } from './bootstrap.ts';
import { calibrationErrorStatistic, reliabilityBins } from './calibration.ts';
import { kappaStatistic } from './kappa.ts';
import { logLossOf, weightedLogLoss } from './losses.ts';
import { aucStatistic, averagePrecisionStatistic, precisionRecallCurve, rank, rocCurve } from './ranking.ts';
import {
  confusionAt,
  negativePredictiveValue,
  positivePredictiveValue,
  sensitivityAt,
  specificityAt,
} from './rates.ts';
import { ratioStatistic } from './ratio.ts';
import { onePerPatient, type Scored } from './scored.ts';

/** Every case its own patient unless told. */
function scored(truth: readonly number[], score: readonly number[], patient = truth.map((_, index) => index)): Scored {
  return {
    truth: Uint8Array.from(truth),
    score: Float64Array.from(score),
    patient: Int32Array.from(patient),
    patients: Math.max(-1, ...patient) + 1,
  };
}
const plain = ({ patients }: Scored) => onePerPatient(patients);
const aucOf = (cases: Scored): number | null => aucStatistic(rank(cases))(plain(cases));

/** Few distinct scores, so that ties are frequent. */
const cases = fc
  .array(fc.tuple(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 9 })), {
    minLength: 1,
    maxLength: 60,
  })
  .map((rows) =>
    scored(
      rows.map(([truth]) => truth),
      rows.map(([, step]) => step / 12),
      rows.map(([, , patient]) => patient),
    ),
  );

describe('area under the ROC curve', () => {
  test('is the share of pairs that are ordered rightly, ties counting half', () => {
    fc.assert(
      fc.property(cases, (one) => {
        let [pairs, right] = [0, 0];
        for (const [i, positive] of one.truth.entries())
          for (const [j, negative] of one.truth.entries()) {
            if (positive !== 1 || negative !== 0) continue;
            pairs += 1;
            right += one.score[i]! > one.score[j]! ? 1 : one.score[i] === one.score[j] ? 0.5 : 0;
          }
        const auc = aucOf(one);
        if (pairs === 0) expect(auc).toBeNull();
        else expect(auc).toBeCloseTo(right / pairs, 12);
      }),
    );
  });

  test('does not change when scores are stretched in order, and is the complement when they are turned around', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const auc = aucOf(one);
        expect(aucOf({ ...one, score: one.score.map((score) => Math.exp(3 * score)) })).toBe(auc);
        const turned = aucOf({ ...one, score: one.score.map((score) => 1 - score) });
        if (auc === null) expect(turned).toBeNull();
        else expect(turned).toBeCloseTo(1 - auc, 12);
      }),
    );
  });

  test('is the area under the curve that is drawn', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const curve = rocCurve(rank(one), plain(one));
        const area = curve.slice(1).reduce((sum, [x, y], index) => {
          const [fromX, fromY] = curve[index]!;
          return sum + ((x - fromX) * (y + fromY)) / 2;
        }, 0);
        const auc = aucOf(one);
        if (auc === null) expect(curve).toEqual([]);
        else expect(area).toBeCloseTo(auc, 12);
      }),
    );
  });

  test('a patient who counts twice counts as two patients', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 0, max: 9 }), (one, chosen) => {
        const weights = Array.from({ length: one.patients }, (_, patient) => (patient === chosen ? 2 : 1));
        const again = [...one.patient.keys()].filter((index) => one.patient[index] === chosen);
        const doubled = scored(
          [...one.truth, ...again.map((index) => one.truth[index]!)],
          [...one.score, ...again.map((index) => one.score[index]!)],
        );
        for (const statistic of [aucStatistic, averagePrecisionStatistic]) {
          const [weighted, written] = [statistic(rank(one))(weights), statistic(rank(doubled))(plain(doubled))];
          if (written === null) expect(weighted).toBeNull();
          else expect(weighted).toBeCloseTo(written, 12);
        }
      }),
    );
  });
});

test('precision and recall of a ranking worked out by hand', () => {
  const one = scored([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]);
  expect(averagePrecisionStatistic(rank(one))(plain(one))).toBeCloseTo(0.5 * 1 + 0.5 * (2 / 3), 12);
  expect(precisionRecallCurve(rank(one), plain(one))).toEqual([
    [0, 1],
    [0.5, 1],
    [0.5, 0.5],
    [1, 2 / 3],
    [1, 0.5],
  ]);
});

test('a curve is read off on straight lines between its points, on the side asked for where it stands upright', () => {
  const curve = [
    [0, 0],
    [0, 0.5],
    [0.5, 0.5],
    [1, 1],
  ] as const;
  expect(heightsAt(curve, [0, 0.25, 0.75, 1], 'last')).toEqual([0.5, 0.5, 0.75, 1]);
  expect(heightsAt(curve, [0], 'first')).toEqual([0]);
});

test('a score at the threshold is called positive, and the four counts are all cases', () => {
  const one = scored([1, 1, 0, 0], [0.5, 0.4, 0.5, 0.4]);
  expect(confusionAt(one, 0.5)).toEqual({ truePositive: 1, falseNegative: 1, falsePositive: 1, trueNegative: 1 });
  fc.assert(
    fc.property(cases, fc.double({ min: 0, max: 1, noNaN: true }), (any, threshold) => {
      const { truePositive, falseNegative, falsePositive, trueNegative } = confusionAt(any, threshold);
      expect(truePositive + falseNegative + falsePositive + trueNegative).toBe(any.truth.length);
      const [sensitivity, specificity] = [sensitivityAt(any, threshold), specificityAt(any, threshold)].map((ratio) =>
        ratioStatistic(ratio)(plain(any)),
      );
      expect(sensitivity ?? 0).toBeCloseTo(truePositive / (truePositive + falseNegative || 1), 12);
      expect(specificity ?? 0).toBeCloseTo(trueNegative / (trueNegative + falsePositive || 1), 12);
    }),
  );
});

test('predictive values follow from Bayes: 90 % and 80 % at 6 % prevalence', () => {
  expect(positivePredictiveValue(0.9, 0.8, 0.06)).toBeCloseTo(0.054 / (0.054 + 0.188), 12);
  expect(negativePredictiveValue(0.9, 0.8, 0.06)).toBeCloseTo(0.752 / (0.752 + 0.006), 12);
  expect(positivePredictiveValue(0, 1, 0.06)).toBeNull();
  expect(negativePredictiveValue(1, 0, 0.06)).toBeNull();
});

test('the weighted log loss counts any hemorrhage twice and divides by seven', () => {
  const perClass = FINDING_CLASSES.map((name) => scored([1, 0], name === 'any' ? [0.5, 0.5] : [1, 0]));
  expect(ratioStatistic(weightedLogLoss(perClass))([1, 1])).toBeCloseTo((2 / 7) * Math.log(2), 9);
});

test('a probability of 0 for what is true costs much, but not everything', () => {
  expect(logLossOf(1, 0)).toBeCloseTo(-Math.log(1e-15), 9);
  expect(logLossOf(0, 0)).toBeCloseTo(0, 12);
});

describe('calibration', () => {
  test('scores that mean what they say have no error; scores off by a fifth have a fifth', () => {
    const truth = [0, 0, 0, 0, 1, 0, 1, 1, 1, 1];
    const right = scored(truth, [0.2, 0.2, 0.2, 0.2, 0.2, 0.8, 0.8, 0.8, 0.8, 0.8]);
    expect(calibrationErrorStatistic(right)(plain(right))).toBeCloseTo(0, 12);
    const wrong = scored(truth, [0.4, 0.4, 0.4, 0.4, 0.4, 0.6, 0.6, 0.6, 0.6, 0.6]);
    expect(calibrationErrorStatistic(wrong)(plain(wrong))).toBeCloseTo(0.2, 12);
  });

  test('a score of 1 lies in the last bin, and the bins hold every case', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const bins = reliabilityBins(one, drawPatients(one.patients, 20, 1));
        expect(bins.reduce((sum, bin) => sum + bin.cases, 0)).toBe(one.truth.length);
        for (const bin of bins) expect(bin.predicted).toBeGreaterThanOrEqual(bin.from - 1e-9);
      }),
    );
  });
});

test("Cohen's kappa of the textbook's two judges, of twins, and of chance", () => {
  const judged = (one: readonly number[], other: readonly number[]) =>
    kappaStatistic({
      one: Uint8Array.from(one),
      other: Uint8Array.from(other),
      patient: Int32Array.from(one.keys()),
      patients: one.length,
    })(new Uint8Array(one.length).fill(1));
  const times = (count: number, value: number): number[] => new Array<number>(count).fill(value);
  const [one, other] = [
    [...times(25, 1), ...times(25, 0)],
    [...times(20, 1), ...times(5, 0), ...times(10, 1), ...times(15, 0)],
  ];
  expect(judged(one, other)).toBeCloseTo(0.4, 12);
  expect(judged(one, one)).toBe(1);
  expect(judged([1, 1, 0, 0], [1, 0, 1, 0])).toBe(0);
  expect(judged([1, 1], [1, 1])).toBeNull();
});

describe('intervals', () => {
  test('are the same for the same seed and hold the figure', () => {
    const random = scored(
      Array.from({ length: 80 }, (_, index) => Number(index % 3 === 0)),
      Array.from({ length: 80 }, (_, index) => ((index * 37) % 80) / 80),
    );
    const once = estimate(aucStatistic(rank(random)), drawPatients(80, 300, 5));
    expect(estimate(aucStatistic(rank(random)), drawPatients(80, 300, 5))).toEqual(once);
    expect(once.low).toBeLessThan(once.value!);
    expect(once.high).toBeGreaterThan(once.value!);
    expect(estimate(aucStatistic(rank(random)), drawPatients(80, 300, 6))).not.toEqual(once);
  });

  test('widen when the cases belong to few patients', () => {
    const truth = Array.from({ length: 120 }, (_, index) => Number(index % 2 === 0));
    const score = truth.map((value, index) => (value === Number(index % 12 < 8) ? 0.9 : 0.1));
    const width = (patient: number[]): number => {
      const one = scored(truth, score, patient);
      const { low, high } = estimateShare(sensitivityAt(one, 0.5), drawPatients(one.patients, 400, 1));
      return high! - low!;
    };
    expect(width(truth.map((_, index) => index % 12))).toBeGreaterThan(2 * width(truth.map((_, index) => index)));
  });

  test('are not given for one patient, nor where most replicates are undefined', () => {
    const one = scored([1, 1, 0], [0.9, 0.1, 0.2], [0, 0, 0]);
    expect(estimate(aucStatistic(rank(one)), drawPatients(1, 50, 1))).toMatchObject({ low: null, high: null });
    const rare = scored([1, 0, 0, 0], [0.9, 0.1, 0.2, 0.3]);
    expect(estimate(aucStatistic(rank(rare)), drawPatients(4, 200, 1))).toMatchObject({ value: 1, low: null });
  });

  test("of a share of 1 come from Wilson's formula over the patients, not over their slices", () => {
    const one = scored([1, 1, 1, 1, 1, 1, 0], [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.1], [0, 0, 0, 1, 1, 2, 3]);
    const { value, low, high, method } = estimateShare(sensitivityAt(one, 0.5), drawPatients(4, 200, 1));
    expect([value, high, method]).toEqual([1, 1, 'wilson']);
    expect(low).toBeCloseTo(wilsonInterval(1, 3).low, 12);
  });

  test("Wilson's formula gives the published interval of 81 in 263", () => {
    const { low, high } = wilsonInterval(81 / 263, 263);
    expect([low.toFixed(4), high.toFixed(4)]).toEqual(['0.2553', '0.3662']);
  });

  test('a quantile lies between its neighbours', () => {
    expect([0, 0.25, 0.5, 1].map((share) => quantile([10, 20, 40], share))).toEqual([10, 15, 20, 40]);
  });
});
