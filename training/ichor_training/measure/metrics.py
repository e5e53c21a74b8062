"""Figures of merit: area under the ROC curve, thresholds, calibration."""

from __future__ import annotations

import numpy as np


def auc(truth: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve with ties counted half; nan when only one class is present."""
    truth = truth > 0.5
    if truth.all() or not truth.any():
        return float("nan")
    order = np.argsort(score, kind="stable")
    ranks = np.empty(len(score))
    sorted_scores = score[order]
    _, first, count = np.unique(sorted_scores, return_index=True, return_counts=True)
    ranks[order] = np.repeat(first + (count + 1) / 2, count)
    positive = truth.sum()
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * (len(truth) - positive)))


def bootstrap_interval(
    truth: np.ndarray, score: np.ndarray, groups: np.ndarray, seed: int = 0, rounds: int = 1000
) -> tuple[float, float]:
    """95 % interval of the AUC, resampling whole patients."""
    rng = np.random.default_rng(seed)
    members = {g: np.flatnonzero(groups == g) for g in np.unique(groups)}
    names = list(members)
    values = []
    for _ in range(rounds):
        chosen = np.concatenate([members[names[i]] for i in rng.integers(0, len(names), len(names))])
        values.append(auc(truth[chosen], score[chosen]))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def maximum_per_group(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """[rows, ...] → [groups, ...] in the order of np.unique(groups)."""
    return np.stack([values[groups == g].max(0) for g in np.unique(groups)])


def threshold_for_sensitivity(truth: np.ndarray, score: np.ndarray, sensitivity: float) -> float:
    """The highest threshold (score ≥ threshold is positive) that reaches the sensitivity."""
    positive = np.sort(score[truth > 0.5])[::-1]
    return float(positive[int(np.ceil(sensitivity * len(positive))) - 1])


def balanced_threshold(truth: np.ndarray, score: np.ndarray, seed: int = 0, rounds: int = 1000) -> float:
    """Where sensitivity + specificity is largest: the median over resamples of the patients, because on a few dozen the
    largest sum of
    all lies now at one end and now at the other.
    """
    rng = np.random.default_rng(seed)
    samples = (rng.integers(0, len(truth), len(truth)) for _ in range(rounds))
    return float(
        np.median(
            [largest_sum(truth[drawn], score[drawn]) for drawn in samples if 0 < truth[drawn].mean() < 1]
            or [largest_sum(truth, score)]
        )
    )


def largest_sum(truth: np.ndarray, score: np.ndarray) -> float:
    """The threshold (score ≥ threshold is positive) with the largest sensitivity + specificity, midway to the next
    lower score."""
    candidates = np.unique(score)
    missed = np.searchsorted(np.sort(score[truth > 0.5]), candidates) / max(1, (truth > 0.5).sum())
    spared = np.searchsorted(np.sort(score[truth <= 0.5]), candidates) / max(1, (truth <= 0.5).sum())
    best = int(np.argmax(spared - missed))
    return float((candidates[best] + candidates[max(0, best - 1)]) / 2)


def temperature(truth: np.ndarray, logit: np.ndarray) -> float:
    """The temperature in 0.5–4 that minimises the log loss of sigmoid(logit / temperature)."""
    grid = np.exp(np.linspace(np.log(0.5), np.log(4), 60))
    losses = [np.mean(np.logaddexp(0, logit / t) - truth * logit / t) for t in grid]
    return float(grid[int(np.argmin(losses))])


def sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def challenge_loss(truth: np.ndarray, logit: np.ndarray) -> float:
    """The RSNA 2019 challenge's weighted multi-label log loss: mean over slices and classes, where `any`, the last,
    counts twice."""
    losses = np.logaddexp(0, logit) - truth * logit
    weights = np.ones(losses.shape[1])
    weights[-1] = 2
    return float((losses.mean(0) * weights).sum() / weights.sum())
