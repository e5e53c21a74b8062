"""Selection of CNN features for the sequence model (paper, section 3.3): every selector is a centre and a
projection."""

from __future__ import annotations

import numpy as np

KINDS = ("pca", "largest-standard-deviation", "largest-weights", "smallest-weights", "predictions-only")


def select(
    kind: str, count: int, features: np.ndarray, head_weight: np.ndarray, per_class: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """@param features [slices, F] of the training slices
    @param head_weight [6, F] of the CNN's linear head
    @param per_class by weight: as many for each class, 192 = 6 × 32; else by a feature's largest weight of any class
    @returns centre [F] and projection [F, count], float32
    @raises ValueError for an unknown kind, or more features than there are
    """
    width = features.shape[1]
    if count > width:
        raise ValueError(f"selector {kind} cannot choose {count} of {width} features")
    if kind not in KINDS:
        raise ValueError(f"selector {kind!r} is none of {', '.join(KINDS)}")
    if kind == "predictions-only":
        return np.zeros(width, np.float32), np.zeros((width, 0), np.float32)
    if kind == "pca":
        return principal_components(features, count)
    chosen = best_of_each_class(kind, count, head_weight) if per_class else best(kind, count, features, head_weight)
    projection = np.zeros((width, count), np.float32)
    projection[chosen, np.arange(count)] = 1
    return np.zeros(width, np.float32), projection


def best(kind: str, count: int, features: np.ndarray, head_weight: np.ndarray) -> np.ndarray:
    """Columns, the most wanted first."""
    weight = np.abs(head_weight).max(0)
    scores = {
        "largest-standard-deviation": features.std(0),
        "largest-weights": weight,
        "smallest-weights": -weight,
    }
    return np.argsort(-scores[kind], kind="stable")[:count]


def best_of_each_class(kind: str, count: int, head_weight: np.ndarray) -> list[int]:
    """Columns, classes in turn: each takes the one that it wants most of those that none has taken."""
    scores = np.abs(head_weight) * (1 if kind == "largest-weights" else -1)
    wanted = [list(np.argsort(-row, kind="stable")) for row in scores]
    chosen: list[int] = []
    while len(chosen) < count:
        order = wanted[len(chosen) % len(wanted)]
        chosen.append(int(next(column for column in order if column not in chosen)))
    return chosen


def principal_components(features: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Centred, not whitened."""
    centre = features.mean(0, dtype=np.float64)
    covariance = np.cov((features - centre).T)
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(-values)[:count]
    return centre.astype(np.float32), np.ascontiguousarray(vectors[:, order]).astype(np.float32)
